"""Every field of every public value: what is stated becomes what it means, or is refused."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest

import edge_router
from edge_router import (
    AnswerRecord,
    ChatRequest,
    Config,
    ConfigError,
    Constraints,
    Decision,
    EdgeRouterError,
    Estimate,
    ExpertConfig,
    Message,
    Placement,
    Reason,
)
from edge_router.chat.completion import ChatChunk, ChatCompletion, ToolCall, ToolCallDelta, Usage
from edge_router.chat.message import Part
from edge_router.chat.tools import NamedTool, ResponseFormat, Tool
from edge_router.device.latency import ExpertState, Pace, Speed
from edge_router.guards.checks import FrozenDict, one_of
from edge_router.routing.deciding.operating_point import OperatingPoint
from edge_router.routing.experts.expert import Expert, ExpertHead, Location, Pricing
from edge_router.settings.preference import Preference, Weights

HEAD = ExpertHead(0.0, np.zeros(1, dtype=np.float32))
ESTIMATE = Estimate("local", 0.5, 0.0, 1.0, 10.0)
DECISION = Decision(
    "local", Location.DEVICE, Reason.CHEAPEST_IS_ENOUGH, "local", (), {"local": ESTIMATE}, {},
    "balanced", 0.1, 0.2,
)  # fmt: skip
HELLO = Message("user", "Hello")
SERVER = "http://127.0.0.1:9/v1"
EXPERT = ExpertConfig("openai", "small", "135m", base_url=SERVER)
MODEL = Expert("local", "135m", Location.DEVICE, HEAD, Speed(0.1, 100.0, 10.0), None)
VALUES: tuple[Any, ...] = (
    HELLO,
    ChatRequest((HELLO,)),
    Part("image_url", {"url": "data:image/png;base64,AAAA"}),
    ToolCall("1", "weather", "{}"),
    ToolCallDelta(0, "1", "weather"),
    Tool("weather", "Looks outside.", {"type": "object"}),
    ResponseFormat("json_schema", "answer", {"type": "object"}),
    Usage(1, 2),
    ChatChunk("1", "small", "Hel"),
    ChatCompletion("1", "small", "Hello", "stop"),
    EXPERT,
    Config(learn=True),
    Constraints(),
    ESTIMATE,
    MODEL,
    DECISION,
    AnswerRecord("1", DECISION, "local", {}, None, 0.0, 0.001, 0.1, 1.0),
    Pricing(1.0, 2.0),
    Speed(0.1, 100.0, 10.0),
    Pace(),
    ExpertState(),
    OperatingPoint("balanced", "", 0.1, 0.25),
    Weights(0.5, 0.25, 0.25),
    Preference("auto", "balance"),
)
NOT_CHECKED = {
    "Answer": "made of a completion and a record, which are checked",
}
HOSTILE: Mapping[str, Any] = {
    "another word": "only-on-device",
    "no text": "",
    "NaN": math.nan,
    "infinity": math.inf,
    "minus infinity": -math.inf,
    "less than nothing": -1.0,
    "truth": True,
    "untruth in words": "false",
    "a list": [1, 2],
    "a list of lists": [[[]]],
    "a dict": {"a": object()},
    "400 digits": 10**400,
    "5000 digits": 10**5000,
    "bytes": b"only_on_device",
    "an array": np.array([1.0, 2.0]),
    "an object": object(),
    "a class": Placement,
    "half a character": "\ud83d",
    "a zero character": "a\0b",
}


def _fields() -> Iterator[tuple[Any, str]]:
    for value in VALUES:
        for one in dataclasses.fields(value):
            if one.init:
                yield value, one.name


FIELDS = [pytest.param(v, n, id=f"{type(v).__name__}.{n}") for v, n in _fields()]


def test_every_public_dataclass_is_in_the_table() -> None:
    """A new one must be checked, or say why not."""
    public = {
        name for name in edge_router.__all__ if dataclasses.is_dataclass(getattr(edge_router, name))
    }
    assert public == ({type(v).__name__ for v in VALUES} & set(edge_router.__all__)) | set(
        NOT_CHECKED
    )


def _kind(value: Any, name: str) -> set[type]:
    """The types that a field may hold once it is accepted."""
    hints = str({one.name: one.type for one in dataclasses.fields(value)}[name])
    known: dict[str, tuple[type, ...]] = {
        "Placement": (Placement,),
        "Location": (Location,),
        "Reason": (Reason,),
        "float": (float,),
        "int": (int,),
        "bool": (bool,),
        "Mapping": (dict, FrozenDict),
        "tuple": (tuple,),
        "None": (type(None),),
        "frozenset": (frozenset,),
        "NamedTool": (NamedTool,),
        "ResponseFormat": (ResponseFormat,),
    }
    texts = ("str", "Literal", "Kind", "Role", "MaxTokensField", "Mode", "FinishReason", "Ending")
    outer = hints.split("[", maxsplit=1)[0] if hints.startswith(("Mapping", "tuple")) else hints
    result = {kind for word, kinds in known.items() if word in outer for kind in kinds}
    if any(word in outer for word in texts):
        result.add(str)
    return result


def _changed(value: Any, name: str, stated: Any) -> Any:
    """What the field holds then; an error of ours, or of construction, is given back."""
    try:
        return getattr(dataclasses.replace(value, **{name: stated}), name)
    except (EdgeRouterError, ValueError, TypeError) as error:
        return error


@pytest.mark.parametrize(("value", "name"), FIELDS)
def test_a_field_is_what_its_name_says_or_refused(value: Any, name: str) -> None:
    """Never an error of another family, and never a value of a type that the field does not have:
    NaN and infinity are numbers that nothing can be compared with."""
    for what, hostile in HOSTILE.items():
        result = _changed(value, name, hostile)
        if isinstance(result, Exception):
            assert len(str(result)) < 500, what
        else:
            assert type(result) in _kind(value, name), what
            assert not isinstance(result, float) or math.isfinite(result), what


EMPTY = ("tools", "logprobs", "metadata", "extra")


@pytest.mark.parametrize(("value", "name"), FIELDS)
def test_none_is_unset_or_refused(value: Any, name: str) -> None:
    """Where a field may be None its annotation says so."""
    result = _changed(value, name, None)
    hint = str({one.name: one.type for one in dataclasses.fields(value)}[name])
    if isinstance(value, ChatRequest) and name in ("stop", *EMPTY):
        assert not result
    else:
        assert isinstance(result, Exception) or "None" in hint


RIGHT: tuple[tuple[Any, str, Any, Any], ...] = (
    (Constraints(), "placement", "only_on_device", Placement.ONLY_ON_DEVICE),
    (Constraints(), "offline", "yes", True),
    (Constraints(), "offline", "False", False),
    (Constraints(), "offline", 1, True),
    (Constraints(), "max_cost_usd", "0.01", 0.01),
    (Constraints(), "max_latency_s", 3, 3.0),
    (Constraints(), "budget_left_usd", np.float32(0.5), 0.5),
    (Config(), "placement", "only_on_device", Placement.ONLY_ON_DEVICE),
    (Config(), "offline", "no", False),
    (Config(), "offline", "on", True),
    (Config(), "deadline_s", "30", 30.0),
    (Config(), "learn_rows", "10", 10),
    (EXPERT, "location", "cloud", "cloud"),
    (EXPERT, "context_tokens", "2048", 2048),
    (EXPERT, "temperature", "omit", "omit"),
    (MODEL, "location", "cloud", Location.CLOUD),
    (MODEL, "needs_network", "true", True),
    (DECISION, "location", "cloud", Location.CLOUD),
    (DECISION, "reason", "offline", Reason.OFFLINE),
    (DECISION, "fallbacks", ["cloud"], ("cloud",)),
    (ESTIMATE, "quality", "0.5", 0.5),
    (Preference("auto", "balance"), "kind", "quality", "quality"),
    (ChatRequest((HELLO,)), "stop", "abc", ("abc",)),
    (ChatRequest((HELLO,)), "stop", ["a", "b"], ("a", "b")),
    (ChatRequest((HELLO,)), "stop", None, ()),
    (ChatRequest((HELLO,)), "max_tokens", np.int64(7), 7),
    (ChatRequest((HELLO,)), "messages", [{"role": "user", "content": "Hello"}], (HELLO,)),
    (HELLO, "role", "developer", "system"),
)


@pytest.mark.parametrize(("value", "name", "stated", "meant"), RIGHT)
def test_what_is_stated_becomes_what_it_means(
    value: Any, name: str, stated: Any, meant: Any
) -> None:
    """With the type of what it means, so that `is` and `==` both hold."""
    result = getattr(dataclasses.replace(value, **{name: stated}), name)
    assert result == meant
    assert type(result) is type(meant)


WRONG: tuple[tuple[Any, str, Any, str], ...] = (
    (
        Constraints(),
        "placement",
        "only-on-device",
        "placement = 'only-on-device' in Constraints mu",
    ),
    (Constraints(), "offline", "maybe", "offline = 'maybe' in Constraints must be one of True"),
    (Constraints(), "max_cost_usd", math.nan, "max_cost_usd = nan in Constraints must be a number"),
    (Constraints(), "max_latency_s", math.inf, "max_latency_s = inf in Constraints must be a num"),
    (Constraints(), "budget_left_usd", -1, "budget_left_usd = -1 in Constraints must be a number"),
    (Constraints(), "max_cost_usd", True, "max_cost_usd = True in Constraints must be a number"),
    (Config(), "placement", "cloud", "placement = 'cloud' in the settings must be one of only_on"),
    (Config(), "experts", {}, "[experts] names no expert"),
    (Config(), "experts", {"a": 3}, "[experts.a] must be a table"),
    (Config(), "experts", [3], "experts = a list in the settings must be a table"),
    (Config(), "experts", {"a": {"model": "x"}}, "[experts.a] lacks backend, profile"),
    (EXPERT, "base_url", None, "ExpertConfig lacks base_url"),
    (EXPERT, "location", "Device", "location = 'Device' in ExpertConfig must be one of device"),
    (EXPERT, "input_usd_per_million", 1.0, "needs both input_usd_per_million and output_usd_"),
    (EXPERT, "output_usd_per_million", math.nan, "output_usd_per_million = nan in ExpertConfi"),
)


@pytest.mark.parametrize(("value", "name", "stated", "message"), WRONG)
def test_a_refusal_names_the_field_the_value_and_the_fix(
    value: Any, name: str, stated: Any, message: str
) -> None:
    """A ConfigError, which is a ValueError too."""
    with pytest.raises(ConfigError) as caught:
        dataclasses.replace(value, **{name: stated})
    assert message in str(caught.value)
    assert isinstance(caught.value, ValueError)


def test_experts_may_be_tables() -> None:
    """As a file has them."""
    table = {"backend": "openai", "model": "m", "profile": "8b", "base_url": SERVER}
    assert Config(experts={"a": table}) == Config(experts={"a": ExpertConfig(**table)})  # type: ignore[arg-type, dict-item]


@pytest.mark.parametrize("url", ["https://ada:hunter2@[x/v1", "https://ada:hun/ter2@x:y/v1"])
def test_no_message_shows_a_login(url: str) -> None:
    """Of an address that cannot be read, and of one that can in a representation."""
    with pytest.raises(ConfigError) as caught:
        ExpertConfig("openai", "m", "8b", base_url=url)
    assert "ter2" not in str(caught.value)
    fine = ExpertConfig("openai", "m", "8b", base_url="https://ada:hunter2@x.org/v1?key=s3cret")
    message = (
        repr(fine) + str(Config(experts={"a": fine})) + str(Config(experts={"a": fine}).to_json())
    )
    assert "hunter2" not in message
    assert "s3cret" not in message


def test_a_key_in_the_place_of_its_variable_is_refused_unseen() -> None:
    """It would stand in every message about it."""
    with pytest.raises(ConfigError, match="api_key_env must be the name of") as caught:
        ExpertConfig("openai", "m", "8b", base_url=SERVER, api_key_env="sk-4711-s3cret")
    assert "s3cret" not in str(caught.value)


def test_the_limit_on_a_far_device_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """A server on another host that counts as here is ruled out, and the log says so."""
    nas = ExpertConfig("openai", "m", "8b", location="device", base_url="http://192.168.1.77/v1")
    for _ in range(2):
        Config(placement="only_on_device", experts={"nas": nas})  # type: ignore[arg-type]
    (message,) = [record.getMessage() for record in caplog.records]
    assert (
        "'nas' counts as on this device, but it is asked over the network (192.168.1.77)" in message
    )


def test_a_long_list_of_words_is_cut_between_two() -> None:
    """What was meant is said all the same."""
    check = one_of(*(f"word_{number}" for number in range(100)))
    with pytest.raises(ConfigError, match=r"word_\d+, \.\.\.; did you mean 'word_99'\?$") as raised:
        check("word-99", "x")
    assert "word_0, word_1, " in str(raised.value)
    assert len(str(raised.value)) < 500
    with pytest.raises(ConfigError, match=r"one of red, blue$"):
        one_of("red", "blue")("green", "x")
