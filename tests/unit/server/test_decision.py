"""The decision in a reply: headers, and the extra field."""

from __future__ import annotations

from edge_router.server.decision import decision_headers, early_headers, outcome_of
from made_record import record


def test_the_headers_of_a_whole_answer() -> None:
    """Who, why, how good, how dear, and the id for feedback."""
    assert decision_headers(record()) == {
        "x-edge-router-expert": "cloud",
        "x-edge-router-reason": "gain_is_worth_it",
        "x-edge-router-quality": "0.9000",
        "x-edge-router-decision-id": "d-7",
        "x-edge-router-cost-usd": "0.002",
    }


def test_what_is_not_known_is_not_there() -> None:
    """The cost of a stream before its end, or of an expert without a price."""
    assert "x-edge-router-cost-usd" not in decision_headers(record(cost_usd=None))
    assert "x-edge-router-cost-usd" not in early_headers(record())


def test_a_level_of_thinking_stands_beside_the_name() -> None:
    """Where there is one, in the headers, which a page may read, and in the field."""
    thinking = record(reasoning_effort="low")
    assert early_headers(thinking)["x-edge-router-reasoning-effort"] == "low"
    assert outcome_of(thinking).extra["edge_router"]["reasoning_effort"] == "low"
    assert "reasoning_effort" not in outcome_of(record()).extra["edge_router"]


def test_any_name_of_an_expert_can_stand_in_a_header() -> None:
    """Also one that would end it."""
    headers = decision_headers(record(answered_by="näh\r\nx: y%"))
    assert headers["x-edge-router-expert"] == "n%C3%A4h%0D%0Ax: y%25"


def test_the_extra_field_holds_no_text_of_a_failure() -> None:
    """Only the names of those that failed; reason and words are those of the record."""
    outcome = outcome_of(record(answered_by="local", failures={"cloud": "HTTP 500: secret"}))
    field = outcome.extra["edge_router"]
    assert (outcome.id, outcome.model, field["reason"]) == ("d-7", "local", "fallback")
    assert (field["failed"], field["quality"], field["wanted"]) == (["cloud"], 0.4, "cloud")
    assert "secret" not in str(field)
