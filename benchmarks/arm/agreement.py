"""Agreement: whether another machine decides as this one does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

__all__ = ["MAX_DELTA", "Agreement", "Answer"]

MAX_DELTA = 1e-5


@dataclass(frozen=True, slots=True)
class Answer:
    """The expert that a machine chose for a query, and the log-odds of each one's good answer."""

    expert: str
    log_odds: Mapping[str, float]

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        return cls(content["expert"], content["log_odds"])


@dataclass(frozen=True, slots=True)
class Agreement:
    """Answers of `machine` to `queries` queries, compared with the host's.

    `flips` are queries for which it chose another expert; `deltas` the largest difference of a
    log-odds in each query, 0 or more.
    """

    machine: str
    flips: int
    deltas: tuple[float, ...]

    @classmethod
    def between(cls, host: Sequence[Answer], guest: Sequence[Answer], *, machine: str) -> Self:
        """Compare answers to the same queries in the same order. Raises ValueError if not."""
        pairs = list(zip(host, guest, strict=True))
        flips = sum(ours.expert != theirs.expert for ours, theirs in pairs)
        return cls(machine, flips, tuple(_delta(*pair) for pair in pairs))

    @property
    def queries(self) -> int:
        return len(self.deltas)

    @property
    def max_delta(self) -> float:
        return max(self.deltas, default=0.0)

    def faults(self, limit: float = MAX_DELTA) -> list[str]:
        """One sentence per fault: a flip, or log-odds that differ by more than `limit`."""
        problems = []
        if self.flips:
            problems.append(
                f"{self.machine} decides {self.flips} of {self.queries} queries otherwise"
            )
        if not self.max_delta <= limit:  # a NaN is a fault too
            problems.append(
                f"{self.machine} moves a logit by {self.max_delta:.1e}, more than {limit:.0e}"
            )
        return problems


def _delta(ours: Answer, theirs: Answer) -> float:
    if ours.log_odds.keys() != theirs.log_odds.keys():
        return float("inf")
    differences = [abs(ours.log_odds[name] - theirs.log_odds[name]) for name in ours.log_odds]
    return max(differences, default=0.0)
