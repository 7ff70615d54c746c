"""Keys of conversations: everything that shapes an answer is part of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from edge_router.chat.message import Message, Part
from edge_router.chat.request import ChatRequest
from edge_router.layers.cache.key import (
    Keys,
    is_cacheable,
    is_rewordable,
    keys_of,
    settings_key,
)
from edge_router.routing.deciding.affinity import staying
from edge_router.routing.deciding.decision import Stay
from edge_router.routing.deciding.price_rule import CheapestRule, PriceRule
from edge_router.settings.config import Config
from edge_router.settings.constraints import Constraints
from made_experts import CLOUD, LOCAL

RULE = PriceRule.of_price(0.1)
HISTORY = (Message("system", "Be brief."), Message("user", "Hi"), Message("assistant", "Hello"))
ASKED = ChatRequest((*HISTORY, Message("user", "Why is the sky blue?")))
CONFIG = Config(experts={"local": LOCAL, "cloud": CLOUD})
TOOL = {"type": "function", "function": {"name": "now", "parameters": {"type": "object"}}}


def keys(request: ChatRequest = ASKED, **changes: Any) -> Keys | None:
    """The keys of a request, with other rules, limits or settings."""
    stated = {"rule": RULE, "limits": Constraints(), "settings": b"s", **changes}
    return keys_of(request, **stated)


def test_the_same_conversation_has_the_same_keys() -> None:
    """However it was given, and whatever is left of a budget."""
    again = ChatRequest.of([message.to_json() for message in ASKED.messages])
    assert keys() == keys(again) == keys(limits=Constraints(budget_left_usd=3.0))
    assert keys() == keys(rule=CheapestRule(RULE))
    assert keys() == keys(rule=staying(RULE, Stay("local", 0.5)))


def test_other_last_words_leave_the_context() -> None:
    """So that they may be compared by their meaning."""
    other = keys(ChatRequest((*HISTORY, Message("user", "What makes the sky blue?"))))
    mine = keys()
    assert mine is not None
    assert other is not None
    assert (mine.context == other.context, mine.whole == other.whole) == (True, False)


@pytest.mark.parametrize(
    "request_",
    [
        replace(ASKED, messages=ASKED.messages[1:]),
        replace(ASKED, messages=ASKED.messages[-1:]),
        replace(ASKED, messages=(replace(HISTORY[0], content="Be brief"), *ASKED.messages[1:])),
        replace(ASKED, messages=(*HISTORY[:2], Message("assistant", "Hi"), ASKED.messages[-1])),
        replace(ASKED, messages=(*HISTORY, Message("user", "Why is the sky blue?", name="ann"))),
        replace(ASKED, max_tokens=7),
        replace(ASKED, stop=("\n",)),
        replace(ASKED, seed=1),
        replace(ASKED, top_p=0.5),
        replace(ASKED, user="ann"),
        replace(ASKED, metadata={"team": "a"}),
        replace(ASKED, extra={"top_k": 3}),
        replace(ASKED, reasoning_effort="high"),
        replace(ASKED, response_format={"type": "json_object"}),
    ],
)
def test_every_change_before_the_last_words_is_another_context(request_: ChatRequest) -> None:
    """Turns, names, options, users."""
    mine, other = keys(), keys(request_)
    assert mine is not None
    assert other is not None
    assert mine.context != other.context


@pytest.mark.parametrize(
    "changes",
    [
        {"rule": PriceRule.of_price(0.2)},
        {"limits": Constraints(caller="ann")},
        {"limits": Constraints(placement="only_on_device")},  # type: ignore[arg-type]
        {"limits": Constraints(offline=True)},
        {"limits": Constraints(max_cost_usd=0.1)},
        {"settings": b"t"},
    ],
)
def test_other_limits_rules_and_settings_are_another_context(changes: dict[str, Any]) -> None:
    """Nobody gets what another caller, or another place, had written."""
    assert keys() != keys(**changes)


def test_a_rule_that_is_no_value_has_no_keys() -> None:
    """Two of them cannot be told apart."""

    class Custom:
        pass

    assert keys(rule=Custom()) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"artifact": "b"},
        {"operating_point": "quality"},
        {"min_gain": 0.3},
        {"placement": "only_on_device"},
        {"privacy": {"cloud": "never"}},
        {"experts": {"local": LOCAL, "cloud": replace(CLOUD, model="other")}},
        {"experts": {"local": LOCAL}},
    ],
)
def test_settings_that_shape_answers_count(changes: dict[str, Any]) -> None:
    """And the router itself."""
    artifact = changes.get("artifact", "a")
    other = replace(CONFIG, **{name: one for name, one in changes.items() if name != "artifact"})
    assert settings_key(CONFIG, "a") != settings_key(other, artifact)


@pytest.mark.parametrize(
    "changes", [{"deadline_s": 3.0}, {"budget_usd": 1.0}, {"cache": {"mode": "exact"}}]
)
def test_settings_that_do_not_are_left_out(changes: dict[str, Any]) -> None:
    """An answer is the same in less time."""
    assert settings_key(CONFIG, "a") == settings_key(replace(CONFIG, **changes), "a")


IMAGE = Part("image_url", {"url": "data:image/png;base64,AAAA"})


@pytest.mark.parametrize(
    ("request_", "cacheable"),
    [
        (ASKED, True),
        (replace(ASKED, temperature=0.0), True),
        (replace(ASKED, temperature=0.2), False),
        (replace(ASKED, tools=(TOOL,)), False),
        (replace(ASKED, logprobs=True), False),
        (ChatRequest((*ASKED.messages, Message("assistant", "Because"))), False),
        (ChatRequest((Message("user", (Part("text", "What?"), IMAGE)),)), False),
    ],
)
def test_only_text_without_chance_is_cacheable(request_: ChatRequest, cacheable: bool) -> None:
    """No tools, no media, no temperature, and the user had the last word."""
    assert is_cacheable(request_) is cacheable


@pytest.mark.parametrize(
    ("request_", "rewordable"),
    [
        (ASKED, True),
        (replace(ASKED, response_format={"type": "json_object"}), False),
        (ChatRequest.of("x" * 601), False),
        (ChatRequest.of("Summarise this:\nOnce upon a time"), False),
    ],
)
def test_only_short_turns_may_be_reworded(request_: ChatRequest, rewordable: bool) -> None:
    """A pasted text is compared word for word, and so is JSON."""
    assert is_rewordable(request_) is rewordable
