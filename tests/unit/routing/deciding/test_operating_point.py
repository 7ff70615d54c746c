"""Operating points by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edge_router.routing.deciding.operating_point import OperatingPoint
from edge_router.routing.logistic import sigmoid


@pytest.mark.parametrize(("log_odds", "expected"), [(0.0, 0.5), (math.log(3), 0.75), (-1e9, 0.0)])
def test_sigmoid_by_hand(log_odds: float, expected: float) -> None:
    """Even odds, three to one, and no overflow far out."""
    assert sigmoid(np.array([log_odds]))[0] == pytest.approx(expected, abs=1e-12)


def test_an_operating_point_knows_pairs_and_a_default() -> None:
    """A pair has a direction, and every other pair gets the default."""
    point = OperatingPoint.from_json(
        "balanced", {"promise": "half", "default": 0.3, "min_gain": {"1b>8b": 0.1}}
    )
    assert (point.name, point.promise) == ("balanced", "half")
    assert point.gain("1b", "8b") == 0.1
    assert point.gain("8b", "1b") == point.gain("1b", "70b") == 0.3


def test_a_threshold_of_zero_is_a_threshold() -> None:
    """Zero is neither unset nor the default."""
    point = OperatingPoint("balanced", "", 0.3, {"1b>8b": 0.0})
    assert point.gain("1b", "8b") == 0.0
    assert OperatingPoint.of_gain(0.0).gain("1b", "8b") == 0.0


def test_a_stated_gain_holds_for_every_pair_and_says_so() -> None:
    """The user's own number is the same for all, and the promise repeats it."""
    point = OperatingPoint.of_gain(0.25)
    assert point.name == "custom"
    assert point.gain("a", "b") == point.gain("b", "a") == 0.25
    assert point.promise == (
        "a dearer expert must raise the chance of a good answer by 25% or more"
    )
