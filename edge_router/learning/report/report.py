"""A report of logged answers: every figure of it, before any printer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from edge_router.errors import LearningError

from .answers import LoggedAnswers
from .savings import Savings, savings_of
from .summary import (
    ExpertSummary,
    Reading,
    ReadPrice,
    ReasonCount,
    ShadowSummary,
    expert_summaries,
    reading_of,
    reason_counts,
    shadow_summary,
)
from .verdict import verdict

__all__ = ["Report", "Stretch", "report_of"]


@dataclass(frozen=True, slots=True)
class Stretch:
    """Whether a stretch of queries drifted, how often one that did not looks as different, and the
    verdict in words."""

    alarm: bool
    p_value: float
    words: str


@dataclass(frozen=True, slots=True)
class Report:
    """`answers` logged queries between the times `first` and `last` (seconds since 1970, by a
    device's clock, which went back `times_back` times); `unreadable` rows were left out because of
    `fault`. `savings` is None where there was no choice to judge. `drift` has one verdict for each
    stretch of queries, `drift_unknown` says why there is none."""

    answers: int
    unreadable: int
    fault: str
    first: float
    last: float
    times_back: int
    experts: tuple[ExpertSummary, ...]
    reasons: tuple[ReasonCount, ...]
    savings: Savings | None
    reading: tuple[Reading, ...]
    cached_share: float
    shadow: ShadowSummary | None
    drift: tuple[Stretch, ...]
    drift_unknown: str

    @property
    def verdict(self) -> str:
        """Whether routing paid, in a few sentences."""
        return verdict(self.savings)

    def to_json(self) -> dict[str, Any]:
        """Every figure, `paid` (null: cannot be told) and the `verdict` in words."""
        fields = asdict(self)
        paid = None if self.savings is None else self.savings.paid
        return fields | {"paid": paid, "verdict": self.verdict}


def report_of(
    log: LoggedAnswers,
    *,
    offered: frozenset[str] = frozenset(),
    prices: Mapping[str, ReadPrice] | None = None,
    cached_share: float = 1.0,
    drift: Sequence[Stretch] = (),
    drift_unknown: str = "",
) -> Report:
    """The report of a log with at least one answer; `offered` as in `savings_of`, `prices` and
    `cached_share` as in `reading_of`. Raises LearningError for an empty log."""
    if not len(log):
        raise LearningError(
            "the log is empty: with the setting learn = true, answers from now on are kept"
        )
    return Report(
        answers=len(log),
        unreadable=log.unreadable,
        fault=log.fault,
        first=float(log.time.min()),
        last=float(log.time.max()),
        times_back=log.times_back,
        experts=expert_summaries(log),
        reasons=reason_counts(log),
        savings=savings_of(log, offered),
        reading=reading_of(log, prices or {}, cached_share=cached_share),
        cached_share=cached_share,
        shadow=shadow_summary(log),
        drift=tuple(drift),
        drift_unknown=drift_unknown,
    )
