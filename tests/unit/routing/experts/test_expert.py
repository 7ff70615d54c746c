"""What an expert is expected to do, by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_router.device.latency import Speed
from edge_router.errors import ConfigError
from edge_router.routing.artifact.representation import Representation
from edge_router.routing.experts.expert import (
    PROFILES,
    Expert,
    ExpertHead,
    Location,
    Pricing,
    find_head,
)
from made_estimates import estimated

SPEED = Speed(start_s=0.5, input_tokens_per_s=100.0, output_tokens_per_s=20.0)


def _query(*vector: float, tokens: float = 20.0) -> Representation:
    return Representation(np.asarray(vector, dtype=np.float32), math.log(tokens))


def _head(
    bias: float, *weights: float, factor: float = 1.0, temperature: float = 1.0
) -> ExpertHead:
    found = np.asarray(weights, dtype=np.float32)
    return ExpertHead(bias, found, math.log(factor), temperature)


def _expert(head: ExpertHead, pricing: Pricing | None = None) -> Expert:
    return Expert("small", "135m", Location.DEVICE, head, SPEED, pricing)


def _quality(head: ExpertHead, *vector: float) -> float:
    return float(head.qualities(np.array([vector]))[0])


@pytest.mark.parametrize(("temperature", "log_odds"), [(1.0, -0.25), (0.5, -0.5), (2.0, -0.125)])
def test_quality_by_hand(temperature: float, log_odds: float) -> None:
    """0.5 + 1 * 0.25 - 2 * 0.5 = -0.25, over the temperature, through the logistic function."""
    head = _head(0.5, 1.0, -2.0, temperature=temperature)
    assert _quality(head, 0.25, 0.5) == pytest.approx(1 / (1 + math.exp(-log_odds)))


def test_quality_of_even_odds_is_one_half() -> None:
    """No bias and a zero vector say nothing."""
    assert _quality(_head(0.0, 3.0), 0.0) == 0.5


@given(st.floats(-1e6, 1e6), st.floats(-1e3, 1e3), st.floats(0.1, 10))
def test_quality_is_a_probability(bias: float, weight: float, temperature: float) -> None:
    """However extreme the head, the result is between 0 and 1."""
    head = _head(bias, weight, temperature=temperature)
    assert 0.0 <= _quality(head, 1.0) <= 1.0


@given(st.floats(-20, 20), st.floats(0.001, 5), st.floats(-5, 5))
def test_quality_grows_with_the_bias(bias: float, more: float, at: float) -> None:
    """An abler expert is never expected to do worse."""
    assert _quality(_head(bias, 1.0), at) < _quality(_head(bias + more, 1.0), at)


@pytest.mark.parametrize(
    ("tokens", "factor", "expected"),
    [(20.0, 1.0, 20.0), (20.0, 0.5, 10.0), (20.0, 0.001, 1.0), (1e9, 1.0, math.exp(10))],
    ids=["plain", "a terse expert", "never below one", "never endless"],
)
def test_output_tokens_by_hand(tokens: float, factor: float, expected: float) -> None:
    """The encoder's expected length times the expert's own factor, in bounds."""
    expert = _expert(_head(0.0, 0.0, factor=factor))
    found = estimated(expert, _query(0.0, tokens=tokens), input_tokens=1, max_tokens=10**6)
    assert found.output_tokens == pytest.approx(expected)


def test_cost_by_hand() -> None:
    """1,000 tokens at 2 dollars a million and 500 at 6 are half a cent."""
    assert Pricing(2.0, 6.0).cost(1000, 500) == pytest.approx(0.005)


def test_latency_by_hand() -> None:
    """Half a second, 200 tokens at 100 a second and 40 at 20 are 4.5 seconds."""
    assert SPEED.latency(200, 40) == pytest.approx(4.5)


def test_estimate_by_hand() -> None:
    """An estimate is the parts above put together."""
    expert = _expert(_head(0.0, 1.0, factor=2.0), Pricing(2.0, 6.0))
    found = estimated(expert, _query(0.0), input_tokens=200, max_tokens=512)
    assert (found.name, found.quality) == ("small", 0.5)
    assert found.output_tokens == pytest.approx(40)
    assert found.cost_usd == pytest.approx((200 * 2 + 40 * 6) / 1e6)
    assert found.latency_s == pytest.approx(4.5)


def test_max_tokens_bounds_length_cost_and_latency() -> None:
    """An answer that will be cut off is neither paid nor waited for beyond that."""
    expert = _expert(_head(0.0, 1.0), Pricing(0.0, 1e6))
    found = estimated(expert, _query(0.0, tokens=400), input_tokens=0, max_tokens=10)
    assert (found.output_tokens, found.cost_usd, found.latency_s) == (10, 10.0, 1.0)


def test_an_unknown_price_is_not_zero() -> None:
    """None stays None; a price of zero is a price."""
    for pricing, cost in ((None, None), (Pricing(0.0, 0.0), 0.0)):
        expert = _expert(_head(0.0, 1.0), pricing)
        found = estimated(expert, _query(0.0), input_tokens=200, max_tokens=512)
        assert found.cost_usd == cost


def _experts_json() -> dict[str, Any]:
    def head(bias: float) -> dict[str, Any]:
        return {"head": {"bias": bias, "weights": [1.0, 2.0], "log_tokens": 0.5}}

    return {
        "profiles": {"1b": head(1.0), "8b": head(8.0)},
        "experts": {"SmolLM2": head(0.1), "1b": head(-1.0)},
    }


@pytest.mark.parametrize(("name", "bias"), [("8b", 8.0), ("SmolLM2", 0.1), ("1b", 1.0)])
def test_find_head_knows_profiles_and_models(name: str, bias: float) -> None:
    """A profile goes before a model of the same name; the temperature is handed on."""
    head = find_head(_experts_json(), name, 1.5)
    assert (head.bias, head.log_tokens, head.temperature) == (bias, 0.5, 1.5)
    assert head.weights.dtype == np.float32
    assert head.weights.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("name", ["9b", "", "smollm2", "head"])
def test_an_unknown_head_is_an_error_that_lists_the_profiles(name: str) -> None:
    """The message names what was asked for and what there is."""
    with pytest.raises(ConfigError, match=f"profile '{name}' is unknown; use one of 1b, 8b, or"):
        find_head(_experts_json(), name, 1.0)


def test_the_shipped_artifact_has_every_profile(artifact: Any) -> None:
    """The profiles that the documentation names are those of `experts.json`."""
    assert tuple(artifact.experts["profiles"]) == PROFILES
    for name in PROFILES:
        head = find_head(artifact.experts, name, 1.0)
        assert head.weights.shape == (artifact.manifest.representation_dim,)
