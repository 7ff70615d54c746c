"""One query on its way to an answer."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field

from edge_router.backends.deadline import Deadline
from edge_router.chat.completion import ChatRequest
from edge_router.errors import BackendError
from edge_router.routing.deciding.decision import Decision, Snapshot
from edge_router.routing.deferral import Deferral
from edge_router.settings.constraints import Constraints

from .attempt import Attempt

__all__ = ["Query"]


@dataclass(slots=True, eq=False)
class Query:
    """State of one query: arrival time, its own constraints, the expert snapshot, the decision,
    failures and attempts so far, and the deferral if the local answer was abandoned. An answer
    that is wanted `whole` is shown to nobody before it is complete.

    `started` is on the monotonic clock, `router_s` and `first_token_s` (None before it) in seconds.
    """

    request: ChatRequest
    decision: Decision
    constraints: Constraints | None
    snapshot: Snapshot
    deadline: Deadline
    started: float
    router_s: float
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    failures: dict[str, BackendError] = field(default_factory=dict)
    attempts: list[Attempt] = field(default_factory=list)
    deferral: Deferral | None = None
    first_token_s: float | None = None
    whole: bool = False
    router_closed: bool = False

    def elapsed(self) -> float:
        """Seconds since it came."""
        return time.monotonic() - self.started

    def attempt_of(self, name: str) -> Attempt | None:
        """The last attempt of an expert, None where it was not asked."""
        return next((a for a in reversed(self.attempts) if a.expert.name == name), None)

    @property
    def answering(self) -> Attempt | None:
        """The attempt whose answer is shown: that of the expert it was handed to, else the last
        one that did not fail."""
        if self.handed_to is not None:
            return self.attempt_of(self.handed_to)
        return next(
            (a for a in reversed(self.attempts) if a.expert.name not in self.failures), None
        )

    @property
    def cost_usd(self) -> float | None:
        """Dollars for all attempts that have ended; None where a price is not known."""
        costs = [attempt.cost_usd for attempt in self.attempts]
        return None if None in costs else sum(cost for cost in costs if cost is not None)

    @property
    def handed_to(self) -> str | None:
        """Who goes on with what another one began."""
        if self.deferral is None or self.deferral.to in self.failures:
            return None
        return self.deferral.to
