"""The state of a query: which expert goes on with a started answer."""

from __future__ import annotations

import time

from edge_router.backends.deadline import Deadline
from edge_router.chat.completion import ChatRequest
from edge_router.client.asking.query import Query
from edge_router.errors import BackendUnavailable
from edge_router.routing.deciding.decision import Decision, Snapshot
from edge_router.routing.deciding.reason import Reason
from edge_router.routing.deferral import Deferral
from edge_router.routing.experts.expert import Location

DECISION = Decision(
    "local", Location.DEVICE, Reason.CHEAPEST_IS_ENOUGH, "local", ("cloud",), {}, {}, "p", 0.0, 0.0
)


def test_it_is_handed_over_unless_that_failed() -> None:
    """None at first, the cloud after a deferral, none again once the cloud has failed."""
    started = time.monotonic()
    request, deadline = ChatRequest.of("Why?"), Deadline.after(9)
    query = Query(request, DECISION, None, Snapshot(), deadline, started, 0.001)
    assert query.handed_to is None
    query.deferral = Deferral("local", "cloud", 16, 0.1, 0.5, 0.4)
    assert query.handed_to == "cloud"
    query.failures["cloud"] = BackendUnavailable("down")
    assert query.handed_to is None
    assert query.elapsed() >= 0
