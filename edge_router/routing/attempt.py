"""One expert's turn at a query, as the record of the answer keeps it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["AttemptRecord"]


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """When an expert was asked, in seconds from the call, for how long, and at what cost (None
    where it is not known). `failure` and `error` say what went wrong, in words and by the name of
    the error's class; None for the answer that was given."""

    expert: str
    started_s: float
    total_s: float
    cost_usd: float | None
    failure: str | None = None
    error: str | None = None
