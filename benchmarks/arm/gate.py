"""The gate of the suite `arm`: judges new counts, or makes them the new baseline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from .agreement import MAX_DELTA, Agreement
from .baseline import Baseline
from .errors import BaselineUnusable
from .visit import Visit

__all__ = ["Gate"]


class Gate:
    """Judges the results of each machine after its visit.

    `made_with` is what counts depend on, apart from the guest's own versions. With `update` counts
    are kept at `path`, machine by machine, and only agreement is judged. `max_delta` is the largest
    allowed difference of a logit. Raises BaselineUnusable.
    """

    def __init__(
        self,
        path: Path,
        made_with: Mapping[str, str],
        report: Callable[[str], None],
        *,
        update: bool,
        max_delta: float = MAX_DELTA,
    ) -> None:
        self._path = path
        self._made_with = made_with
        self._report = report
        self._update = update
        self._max_delta = max_delta
        self._baseline = Baseline({}, {}) if update else Baseline.read(path)

    def judge(self, agreement: Agreement, visit: Visit) -> list[str]:
        """The faults of one machine, one sentence each."""
        faults = agreement.faults(self._max_delta)
        made_with = {**self._made_with, **visit.versions}
        if visit.counts and self._update:
            self._keep(visit, made_with)
        elif visit.counts:
            faults += self._grown(visit, made_with)
        return faults

    def _keep(self, visit: Visit, made_with: Mapping[str, str]) -> None:
        try:
            known = Baseline.read(self._path)
        except BaselineUnusable:  # it is written anew
            known = self._baseline
        known.with_counts(visit.counts, made_with).write(self._path)
        self._report(f"{len(visit.counts)} counts kept in {self._path}")

    def _grown(self, visit: Visit, made_with: Mapping[str, str]) -> list[str]:
        for difference in self._baseline.differences(made_with):
            self._report(f"not as in the baseline: {difference}")
        for count, change in self._baseline.changes(visit.counts).items():
            self._report(f"{count.machine} {count.label}: {change:+.2%} against the baseline")
        return self._baseline.faults(visit.counts)
