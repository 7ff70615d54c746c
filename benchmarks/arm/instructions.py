"""Instructions per decision, from the counts at marks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from .errors import GuestFailed

__all__ = ["Count", "counts_of", "read_marks"]

NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Count:
    """Instructions that `machine` executes for one `part` of the work, by rounds.

    `part` is "decision" (text in, expert out, Python included) or "encode" (the network alone);
    `model` "router" or "ready-made" (the int8 MiniLM-L6 of a package registry); `tokens` the
    length of the text, [CLS] and [SEP] included.
    """

    machine: str
    part: str
    model: str
    tokens: int
    samples: tuple[int, ...]

    @property
    def instructions(self) -> int:
        """Instructions of the median round."""
        return int(median(self.samples))

    @property
    def label(self) -> str:
        """The name of the count, the same on every machine."""
        return f"{self.part}/{self.model}/{self.tokens}"


def read_marks(log: str) -> list[int]:
    """The counts that the plugin wrote; skips other lines of qemu's log."""
    return [int(line) for line in log.splitlines() if line.strip().isdecimal()]


def counts_of(machine: str, labels: Sequence[str], marks: Sequence[int]) -> list[Count]:
    """One Count per label; each stretch lies between two marks, whose own cost is subtracted.

    `labels` name the stretches in the order in which they were run; "nothing" is an empty one.
    Raises GuestFailed if marks are missing.
    """
    if len(marks) != 2 * len(labels):
        raise GuestFailed(
            f"{machine}: {len(marks)} marks for {len(labels)} stretches; the plugin does not see "
            "the program's system calls"
        )
    stretches = _by_label(zip(labels, zip(marks[::2], marks[1::2], strict=True), strict=True))
    cost = min(stretches.pop(NOTHING, [0]))
    return [_count(machine, label, lengths, cost) for label, lengths in stretches.items()]


def _by_label(stretches: Iterable[tuple[str, tuple[int, int]]]) -> dict[str, list[int]]:
    counts: dict[str, list[int]] = {}
    for label, (start, end) in stretches:
        counts.setdefault(label, []).append(end - start)
    return counts


def _count(machine: str, label: str, lengths: Sequence[int], cost: int) -> Count:
    part, model, tokens = label.split("/")
    return Count(machine, part, model, int(tokens), tuple(length - cost for length in lengths))
