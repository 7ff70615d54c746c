"""Temperature and operating points: small arrays by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edge_router.export.pipeline.calibrate import (
    calibrate,
    fit_temperature,
    promise,
    reference_expense,
)
from edge_router.export.recipe import POINTS, PointPlan
from edge_router.export.training.heads import LinearHead
from edge_router.routing.artifact.schema import check_calibration
from edge_router.routing.deciding.price import LEAVING
from edge_router.routing.experts.expert import PROFILES
from edge_router.routing.logistic import sigmoid

NAN = float("nan")


def made() -> dict[str, Any]:
    """Two exam rows and two everyday ones: the frontier model is always right, the smallest one
    never, and nobody else is known; of the last row only the smallest is."""
    known = {name: np.full(4, NAN) for name in PROFILES}
    known["135m"] = np.array([0.0, 0.0, 1.0, 0.0])
    known["frontier"] = np.array([1.0, 1.0, 1.0, NAN])
    return calibrate(
        np.array([[5.0], [-5.0], [-5.0], [5.0]]),
        known,
        {name: LinearHead(0.0, np.array([float(name == "frontier")])) for name in PROFILES},
        points=POINTS,
        expense=np.tile([0.0, 0.0, 0.0, 0.1, 0.4, 1.0], (4, 1)),
        tables=["exam", "exam", "everyday_judged", "everyday_rated"],
    )


def test_each_point_holds_its_price_and_what_it_did() -> None:
    """By pair and for all, apart for exams and everyday rows; rows of one expert do not count."""
    found = made()
    check_calibration(found, "calibration.json")
    points = found["operating_points"]
    assert {name: point["price"] for name, point in points.items()} == {
        "economy": 0.35,
        "balanced": 0.2,
        "quality": 0.07,
    }
    assert {point["least_quality"] for point in points.values()} == {0.25}
    evidence = points["quality"]["evidence"]
    assert set(evidence) == {"135m>frontier", "1b>frontier", "3b>frontier", "8b>frontier", "all"}
    assert evidence["1b>frontier"] == {}
    half = {"queries": 2, "dearest_asked": 0.5, "mean_quality": 0.5, "mean_expense": 0.5}
    none = {"queries": 1, "dearest_asked": 0.0, "mean_quality": 1.0, "mean_expense": 0.0}
    for pool in ("135m>frontier", "all"):
        assert evidence[pool] == {"exam": half, "everyday": none}


def test_the_promise_is_in_the_users_terms() -> None:
    """In points, with the least quality where there is one."""
    asks = "asks the dearest expert when that raises the chance of a good answer by 7 points, "
    assert promise(PointPlan(0.07, 0.0)) == f"{asks}cheaper ones in proportion"
    assert promise(PointPlan(0.07, 0.25)).endswith(
        "; no expert expected below 25% while another one reaches it"
    )


def test_reference_expenses_follow_the_tokens_of_a_query() -> None:
    """100 tokens read and as many written: a price of 1 and 3 dollars is 4 of the dearest 8."""
    free, half, full = (0.0, 0.0), (1.0, 3.0), (4.0, 4.0)
    profiles = {name: _profile("device", *free) for name in PROFILES}
    profiles |= {"8b": _profile("cloud", *free), "70b": _profile("cloud", *half)}
    profiles["frontier"] = _profile("cloud", *full)
    found = reference_expense(profiles, np.array([np.log(100.0)]), [400])
    assert found.tolist() == [pytest.approx([0.0, 0.0, 0.0, LEAVING, 0.5, 1.0])]


def _profile(location: str, read: float, written: float) -> dict[str, Any]:
    price = {"input_usd_per_million": read, "output_usd_per_million": written}
    return {"reference": {"location": location, "pricing": price}, "head": {"log_tokens": 0.0}}


@pytest.mark.parametrize("temperature", [0.3, 0.5, 1.0, 1.7, 3.5])
def test_fit_temperature_recovers_the_true_one(temperature: float) -> None:
    """Scores that are the true probabilities give back the temperature that made them."""
    log_odds = np.random.default_rng(0).normal(0, 3, 500)
    assert fit_temperature(log_odds, sigmoid(log_odds / temperature)) == pytest.approx(
        temperature, rel=1e-3
    )


def test_fit_temperature_recovers_it_from_right_and_wrong() -> None:
    """Drawn outcomes of 0 and 1 do too, within what their number allows."""
    chance = np.random.default_rng(1)
    log_odds = chance.normal(0, 3, 20_000)
    scores = (chance.random(20_000) < sigmoid(log_odds / 2)).astype(float)
    assert fit_temperature(log_odds, scores) == pytest.approx(2, rel=0.05)


@pytest.mark.parametrize(("right", "bound"), [(1.0, 0.25), (0.0, 4.0)])
def test_fit_temperature_stays_in_its_bounds(right: float, bound: float) -> None:
    """A head that is always right, or always wrong, does not run away."""
    log_odds = np.array([2.0, 1.0, 3.0])
    assert fit_temperature(log_odds, np.full(3, right)) == pytest.approx(bound, rel=1e-3)
