"""Values cross process boundaries: they pickle, are copied, and become JSON."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest

from edge_router import (
    AnswerRecord,
    ChatRequest,
    Config,
    Constraints,
    Decision,
    EdgeRouter,
    Message,
    Router,
    RoutingError,
)
from edge_router.chat.completion import Usage
from edge_router.cli.printing import decision_json, record_json
from edge_router.guards.checks import FrozenDict
from edge_router.testing import FakeBackend
from made_experts import CLOUD, LOCAL

CONFIG = Config(experts={"local": LOCAL, "cloud": CLOUD}, placement="only_on_device")  # type: ignore[arg-type]
QUERY = "What is the capital of France?"


@pytest.fixture(scope="module")
def record() -> AnswerRecord:
    """Of a real decision and a fake answer."""
    with EdgeRouter(CONFIG, backends={"local": FakeBackend()}) as router:
        return router.complete(QUERY).record


@pytest.fixture(scope="module")
def values(record: AnswerRecord) -> list[Any]:
    """One of everything that may cross."""
    return [
        record,
        record.decision,
        Router.from_config(CONFIG).explain(record.decision),
        CONFIG,
        Config(),
        LOCAL,
        Constraints(),
        ChatRequest((Message("user", QUERY),), stop=("x",)),
        Usage(1, 2),
    ]


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_everything_pickles(values: list[Any], protocol: int) -> None:
    """What comes back is equal, and as frozen as before."""
    for value in values:
        assert pickle.loads(pickle.dumps(value, protocol)) == value


def test_everything_is_copied(record: AnswerRecord, values: list[Any]) -> None:
    """Deep copies are equal, and those of a decision can still be explained."""
    for value in values:
        assert copy.deepcopy(value) == value
        assert copy.copy(value) == value
    assert Router.from_config(CONFIG).explain(copy.deepcopy(record.decision)) == values[2]


def test_a_pickled_decision_says_why_it_cannot_be_explained(record: AnswerRecord) -> None:
    """What it was made from holds the artifact, which stays where it is."""
    result: Decision = pickle.loads(pickle.dumps(record.decision))
    assert result.words == record.decision.words
    assert len(pickle.dumps(record)) < 5000
    with pytest.raises(RoutingError, match="does not go along when it is pickled"):
        Router.from_config(CONFIG).explain(result)


def test_everything_becomes_json(values: list[Any]) -> None:
    """With the standard library, without NaN; settings and requests come back from it."""
    for value in values:
        if hasattr(value, "to_json"):
            json.dumps(value.to_json(), allow_nan=False)
    assert Config(**json.loads(json.dumps(CONFIG.to_json()))) == CONFIG
    limits = Constraints("only_on_device", max_cost_usd=0.5)  # type: ignore[arg-type]
    assert Constraints(**json.loads(json.dumps(limits.to_json()))) == limits
    request = ChatRequest((Message("user", QUERY),), stop=("x",), seed=7)
    assert ChatRequest(**json.loads(json.dumps(request.to_json()))) == request


def test_commands_print_the_same_json(record: AnswerRecord) -> None:
    """Numbers to six decimals, all else as it is."""
    result = record_json(record)
    assert result["decision"] == decision_json(record.decision)
    assert result["words"] == record.words
    assert result.keys() == record.to_json().keys()


def test_a_frozen_mapping_refuses_every_change() -> None:
    """And reads like a dict."""
    frozen = FrozenDict({"a": 1})
    changes = (
        lambda: frozen.__setitem__("b", 2),
        lambda: frozen.pop("a"),
        lambda: frozen.update(b=2),
        lambda: frozen.__ior__({"b": 2}),
        frozen.clear,
        frozen.popitem,
    )
    for change in changes:
        with pytest.raises(TypeError, match="frozen"):
            change()
    assert frozen == {"a": 1}
    assert copy.deepcopy(frozen) == pickle.loads(pickle.dumps(frozen)) == frozen
    with pytest.raises(TypeError):
        Config().experts["x"] = LOCAL  # type: ignore[index]
