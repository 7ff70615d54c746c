"""The record of one answer: its words, its reason and the line in the log."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import FrozenInstanceError, fields, replace
from typing import Any

import pytest

from edge_router.chat.completion import Usage
from edge_router.errors import ConfigError
from edge_router.guards.checks import FrozenDict
from edge_router.routing.artifact.representation import RoutedQuery
from edge_router.routing.deciding.decision import Decision
from edge_router.routing.deciding.reason import Reason
from edge_router.routing.deferral import Deferral
from edge_router.routing.experts.expert import Estimate, Location
from edge_router.routing.record import AnswerRecord, log_record

DECISION = Decision(
    expert="cloud",
    location=Location.CLOUD,
    reason=Reason.GAIN_IS_WORTH_IT,
    wanted="cloud",
    fallbacks=("local",),
    estimates={
        "cloud": Estimate("cloud", 0.9, 0.01, 2.0, 50.0),
        "local": Estimate("local", 0.4, 0.0, 1.0, 50.0),
    },
    excluded={},
    operating_point="balanced",
    gain=0.5,
    min_gain=0.2,
)


def _record(
    answered_by: str = "cloud",
    *,
    failures: Mapping[str, str] | None = None,
    usage: Usage | None = None,
    deferral: Deferral | None = None,
) -> AnswerRecord:
    return AnswerRecord(
        id="q-17",
        decision=DECISION,
        answered_by=answered_by,
        failures=failures or {},
        usage=usage,
        cost_usd=None,
        router_s=0.00123,
        first_token_s=0.3,
        total_s=1.5,
        deferral=deferral,
    )


def test_without_failures_words_and_reason_are_the_decisions() -> None:
    """All went as decided."""
    assert _record().words == DECISION.words == "expected gain +50%, worth it from +20%"
    assert _record().reason == "gain_is_worth_it"


def test_a_fallback_names_who_failed_and_how() -> None:
    """The decision, then each failure in the order it happened; the reason is the fallback."""
    record = _record("local", failures={"cloud": "HTTP 503", "second": "no route to host"})
    assert record.reason == "fallback"
    assert record.words == (
        "expected gain +50%, worth it from +20%; cloud is unavailable: HTTP 503; "
        "second is unavailable: no route to host"
    )


def test_a_deferral_is_recorded_and_a_failure_after_it_is_a_fallback() -> None:
    """The reason is `deferred` where the other expert answered."""
    deferral = Deferral("local", "cloud", 16, 0.12, 0.71, 0.4)
    told = (
        f"{DECISION.words}; after 16 tokens local's answer was good with a chance of 12%, so cloud "
        "was asked: expected gain +71%, worth it from +40%"
    )
    handed = _record(deferral=deferral)
    assert (handed.reason, handed.words) == ("deferred", told)
    failed = _record("local", deferral=deferral, failures={"cloud": "HTTP 503"})
    assert (failed.reason, failed.words) == (
        "fallback",
        f"{told}; cloud is unavailable: HTTP 503",
    )


@pytest.mark.parametrize(
    ("usage", "told"),
    [
        (None, ""),
        (Usage(10, 5), ""),
        (Usage(10, 5, 4), "; the oldest 4 messages did not fit its context"),
    ],
    ids=["unknown", "nothing dropped", "dropped"],
)
def test_dropped_messages_are_reported(usage: Usage | None, told: str) -> None:
    """What an expert did not get to read is never kept quiet, and does not change the reason."""
    record = _record(usage=usage)
    assert record.words == f"{DECISION.words}{told}"
    assert record.reason == "gain_is_worth_it"


@pytest.mark.parametrize(
    ("record", "reason"),
    [(_record(), "gain_is_worth_it"), (_record(failures={"x": "HTTP 503"}), "fallback")],
    ids=["as decided", "fallback"],
)
def test_the_log_has_one_line_of_codes_and_times(
    record: AnswerRecord, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Id, expert, code and two times at level INFO; no text of anyone's, not even a failure's."""
    with caplog.at_level(logging.INFO, "edge_router"):
        log_record(record)
    (line,) = caplog.records
    assert (line.name, line.levelno) == ("edge_router", logging.INFO)
    assert line.getMessage() == (f"q-17 answered by cloud ({reason}), router 1.2 ms, total 1.50 s")


def test_a_record_has_no_room_for_a_prompt() -> None:
    """Neither the record nor the decision in it has a field for what was asked or answered."""
    assert [field.name for field in fields(RoutedQuery)] == [
        "artifact", "representation", "characters", "script", "needs_tools",
    ]  # fmt: skip
    assert [field.name for field in fields(AnswerRecord)] == [
        "id", "decision", "answered_by", "failures", "usage", "cost_usd",
        "router_s", "first_token_s", "total_s", "deferral",
        "ended", "finish_reason", "max_tokens", "empty", "cost_limited", "overflow", "hedge",
        "cached", "attempts", "reasoning_effort",
    ]  # fmt: skip
    assert [field.name for field in fields(Decision)] == [
        "expert", "location", "reason", "wanted", "fallbacks", "estimates", "excluded",
        "operating_point", "gain", "min_gain", "preference", "propensity",
        "least_quality", "needs_tools", "grounds",
    ]  # fmt: skip


def test_a_record_is_frozen() -> None:
    """A hook cannot change what the next hook receives."""
    with pytest.raises(FrozenInstanceError):
        _record().answered_by = "nobody"  # type: ignore[misc]


def test_the_library_installs_no_handler() -> None:
    """Where log lines go is for the application to say."""
    assert logging.getLogger("edge_router").handlers == []


WRONG: Mapping[str, Any] = {
    "id": 7, "decision": "cloud", "answered_by": None, "failures": FrozenDict({"cloud": 4}),
    "usage": {}, "cost_usd": math.nan, "router_s": -1.0, "first_token_s": math.inf,
    "total_s": "soon", "deferral": 0.5, "ended": "over", "finish_reason": ["stop"],
    "max_tokens": 0, "empty": "perhaps", "cost_limited": 2, "overflow": 3, "hedge": b"",
    "cached": True,
    "attempts": ("local",), "reasoning_effort": 3,
}  # fmt: skip


@pytest.mark.parametrize("field", WRONG)
def test_a_field_that_cannot_be_is_refused(field: str) -> None:
    """However sound all the others are; a sound one is kept as it is."""
    sound = replace(_record(), failures=FrozenDict({"local": "no memory"}))
    assert WRONG.keys() == {one.name for one in fields(AnswerRecord)}
    assert replace(sound).failures is sound.failures
    with pytest.raises(ConfigError, match=f"{field}.* in AnswerRecord"):
        replace(sound, **{field: WRONG[field]})
