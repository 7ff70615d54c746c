"""Candidates in columns hold what candidates one by one hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge_router.device.latency import Speed
from edge_router.errors import ConfigError
from edge_router.routing.experts.expert import Estimate, Expert, ExpertHead, Location
from edge_router.routing.experts.panel import Candidate, Candidates

HEAD = ExpertHead(0.0, np.zeros(1, dtype=np.float32))


def _candidate(
    name: str, cost: float | None, *, quality: float = 0.5, in_cloud: bool = True
) -> Candidate:
    location = Location.CLOUD if in_cloud else Location.DEVICE
    expert = Expert(name, name, location, HEAD, Speed(1, 1, 1), None)
    return Candidate(expert, Estimate(name, quality, cost, 2.0, 3.0), configured=name != "c")


A, B, C = _candidate("a", 0.1), _candidate("b", None, quality=0.7), _candidate("c", 0.0)


def test_each_comes_back_as_it_was() -> None:
    """One by one, by slices and by name; an unknown price stays unknown."""
    found = Candidates.of([A, B, C])
    assert list(found) == [A, B, C]
    assert list(found[1:]) == [B, C]
    assert found.estimates == {"a": A.estimate, "b": B.estimate, "c": C.estimate}
    assert repr(found.estimates) == repr(dict(found.estimates))


def test_columns_stay_themselves() -> None:
    """What is in columns already is not built again."""
    found = Candidates.of([A, B])
    assert Candidates.of(found) is found


def test_a_name_that_is_not_among_them_is_a_key_error() -> None:
    """As in any mapping."""
    with pytest.raises(KeyError, match="nobody"):
        Candidates.of([A]).estimates["nobody"]


def test_what_nobody_can_expect_is_refused_by_name() -> None:
    """Not as a name that is missing."""
    found = replace(Candidates.of([A]), cost_usd=np.array([np.inf]))
    with pytest.raises(ConfigError, match="cost_usd = inf"):
        found.estimates["a"]


def test_the_device_is_cheapest_and_an_unknown_price_dearest() -> None:
    """Ties go by name."""
    device, twin = _candidate("z", 5.0, in_cloud=False), _candidate("0", 0.1)
    found = Candidates.of([B, A, twin, device])
    assert [found.names[place] for place in found.cheapest_first] == ["z", "0", "a", "b"]
