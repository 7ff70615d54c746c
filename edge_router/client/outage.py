"""The outage of an expert: how long one that failed is avoided, and which failures are none."""

from __future__ import annotations

from dataclasses import dataclass

from edge_router.errors import ContextExceeded, CostLimitReached, PrivacyWithheld

__all__ = ["LONGEST_UNREACHABLE_S", "NOT_DOWN", "PROBE_S", "UNREACHABLE_S", "Outage"]

NOT_DOWN = (ContextExceeded, CostLimitReached, PrivacyWithheld)  # not asked, or well
UNREACHABLE_S = 10.0  # how long a failed expert is avoided, unless its error states a time
LONGEST_UNREACHABLE_S = 60.0
PROBE_S = 10.0  # how long other queries wait for the outcome of the query that probes it


@dataclass(frozen=True, slots=True)
class Outage:
    """The start of an outage, and for how many seconds the expert is avoided."""

    since: float
    seconds: float
    probed: bool = False

    def holds(self, now: float) -> bool:
        return 0 <= now - self.since < self.seconds
