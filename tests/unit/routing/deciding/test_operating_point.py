"""Operating points by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edge_router.errors import ConfigError
from edge_router.routing.deciding.operating_point import OperatingPoint
from edge_router.routing.logistic import sigmoid


@pytest.mark.parametrize(("log_odds", "expected"), [(0.0, 0.5), (math.log(3), 0.75), (-1e9, 0.0)])
def test_sigmoid_by_hand(log_odds: float, expected: float) -> None:
    """Even odds, three to one, and no overflow far out."""
    assert sigmoid(np.array([log_odds]))[0] == pytest.approx(expected, abs=1e-12)


def test_an_operating_point_of_an_artifact_has_a_price_and_a_least_quality() -> None:
    """Whole numbers, as JSON may have them, are numbers."""
    stored = {"promise": "half", "price": 0, "least_quality": 1, "evidence": {}}
    point = OperatingPoint.from_json("balanced", stored)
    assert point == OperatingPoint("balanced", "half", 0.0, 1.0)
    assert (type(point.price), type(point.least_quality)) == (float, float)


def test_a_stated_price_says_what_it_asks_for() -> None:
    """The promise repeats it; nobody is kept out for a poor quality."""
    point = OperatingPoint.of_price(0.25)
    assert (point.name, point.price, point.least_quality) == ("custom", 0.25, 0.0)
    assert point.promise == (
        "the dearest expert is asked where that raises the chance of a good answer by 25 points or "
        "more, cheaper ones in proportion"
    )


@pytest.mark.parametrize(
    ("price", "words"),
    [
        (0.004, "where that raises the chance of a good answer by 0.4 points or more"),
        (0.0, "unless that lowers the chance of a good answer by more than 0 points"),
        (-0.5, "unless that lowers the chance of a good answer by more than 50 points"),
    ],
)
def test_a_price_of_nothing_or_less_is_told_as_what_may_be_lost(price: float, words: str) -> None:
    """And a small one in digits that tell it from nothing."""
    assert f"the dearest expert is asked {words}, " in OperatingPoint.of_price(price).promise


@pytest.mark.parametrize(
    ("price", "least"), [(math.nan, 0.0), (math.inf, 0.0), (-math.inf, 0.0), (0.1, 1.5)]
)
def test_what_is_no_price_is_refused(price: float, least: float) -> None:
    """And what is no quality."""
    with pytest.raises(ConfigError):
        OperatingPoint("mine", "", price, least)
