"""One query on its way to an answer."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field

from .backends.base import Deadline
from .chat import ChatRequest
from .deferral import Deferral
from .errors import BackendError
from .policy import Constraints, Decision
from .snapshot import Snapshot

__all__ = ["Query"]


@dataclass(slots=True, eq=False)
class Query:
    """When it came and with which constraints of its own, what was known of the experts then, what
    was decided, who failed so far, and whether its expert began and did not look good.

    `started` is on the monotonic clock, `router_s` in seconds.
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
    deferral: Deferral | None = None

    def elapsed(self) -> float:
        """Seconds since it came."""
        return time.monotonic() - self.started

    @property
    def handed_to(self) -> str | None:
        """Who goes on with what another one began."""
        if self.deferral is None or self.deferral.to in self.failures:
            return None
        return self.deferral.to
