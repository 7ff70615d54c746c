"""A request that exceeds a context at run time goes to an expert with more room, once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge_router import AnswerRecord, Config, EdgeRouter
from edge_router.errors import ContextExceeded, NoExpertFits
from edge_router.routing.deciding.ranked_rule import RankedRule
from edge_router.settings.expert_config import ExpertConfig
from edge_router.testing import FakeBackend
from made_experts import CLOUD, LOCAL

FULL = ContextExceeded("the request is longer than the model's context")
SMALL, LIKE, LARGE = (
    replace(LOCAL, profile=profile, context_tokens=room)
    for profile, room in (("135m", 2000), ("1b", 2000), ("3b", 8000))
)


def asked(
    experts: dict[str, ExpertConfig], full: set[str]
) -> tuple[AnswerRecord | NoExpertFits, dict[str, int]]:
    """The record of an answer or the error, and how often each expert was asked, in that order."""
    backends = {name: FakeBackend(error=FULL if name in full else None) for name in experts}
    config = Config(experts=experts)
    with EdgeRouter(config, backends=backends) as router:
        try:
            outcome: AnswerRecord | NoExpertFits = router.complete(
                "What is a lake?", rule=RankedRule(tuple(experts))
            ).record
        except NoExpertFits as error:
            outcome = error
    return outcome, {name: len(backend.requests) for name, backend in backends.items()}


def test_an_expert_with_more_room_is_asked() -> None:
    """One with as little is passed over; the record says why."""
    record, times = asked({"small": SMALL, "like": LIKE, "large": LARGE}, {"small", "like"})
    assert isinstance(record, AnswerRecord)
    assert times == {"small": 1, "like": 0, "large": 1}
    assert (record.answered_by, record.overflow, record.reason) == (
        "large", "small", "context_exceeded"
    )  # fmt: skip
    assert record.failures["like"] == (
        "like was not asked: small had too little room, and it has no more"
    )


def test_an_unknown_context_may_have_more_room() -> None:
    """Of a server nothing is stated about."""
    record, _ = asked({"small": SMALL, "cloud": CLOUD}, {"small"})
    assert isinstance(record, AnswerRecord)
    assert record.answered_by == "cloud"


def test_it_is_asked_elsewhere_only_once() -> None:
    """A second overflow ends the query, with the reason of every expert."""
    last = replace(LARGE, profile="8b", context_tokens=16_000)
    error, times = asked({"small": SMALL, "large": LARGE, "last": last}, {"small", "large"})
    assert isinstance(error, NoExpertFits)
    assert times == {"small": 1, "large": 1, "last": 0}
    assert {error.excluded[name] for name in times} == {"context_length"}


def test_an_overflow_says_nothing_of_the_servers_health() -> None:
    """The next query goes to it at once, though ten in a row were too long."""
    backend = FakeBackend(error=FULL)
    with EdgeRouter(Config(experts={"cloud": CLOUD}), backends={"cloud": backend}) as router:
        for _ in range(10):
            with pytest.raises(NoExpertFits, match="longer than the model's context"):
                router.complete("What is a lake?")
        backend.error = None
        assert router.complete("What is a pond?").record.reason != "fallback"
