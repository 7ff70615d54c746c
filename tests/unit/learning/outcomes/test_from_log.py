"""Calibration on a log: its result, that it is stable, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_router.errors import LearningError, TooFewOutcomes
from edge_router.learning.outcomes.from_log import LogCalibration
from edge_router.learning.outcomes.outcome import Outcome
from edge_router.learning.outcomes.propensity import LeftOut
from edge_router.routing.artifact.representation import Representation
from edge_router.routing.experts.expert import Estimate
from made_log import COSTS, EXPERTS, ROUTER, expert, row, rows_of, simulated


@cache
def logged() -> tuple[Outcome, ...]:
    """2,000 answers."""
    return tuple(rows_of(simulated(np.random.default_rng(0), 2000)))


def calibrated(rows: list[Outcome], share: float = 0.95) -> LogCalibration:
    """Of the two made-up experts."""
    return LogCalibration.of(rows, EXPERTS, ROUTER, weak="weak", strong="strong", share=share)


def test_corrections_and_a_price_are_fitted_and_reported() -> None:
    """In one sentence: the result, its evidence and its certainty."""
    found = calibrated([*logged(), row(9999, score=None)])
    assert set(found.corrections) == {"weak", "strong"}
    assert found.corrections["strong"].temperature == pytest.approx(2, rel=0.5)
    assert found.price.share >= 0.95
    assert (found.answers, found.left_out) == (2000, {LeftOut.NOT_SCORED: 1})
    words = found.words
    assert words.startswith("By 2,000 scored answers of your own, weak scores ")
    assert "% was expected, and strong scores " in words
    assert "of its mean score [" in words
    assert words.endswith("as far as these answers tell (95 % intervals, no promise).")
    assert found.notes == ["left out: 1 not scored"]


def test_queries_for_the_cheapest_expert_are_left_out() -> None:
    """No price decides on them."""
    first = logged()[0].log_tokens

    def for_cheapest(query: Representation) -> bool:
        return bool(query.vector[0] > 0) and first == query.log_tokens

    found = LogCalibration.of(
        logged(),
        EXPERTS,
        ROUTER,
        weak="weak",
        strong="strong",
        share=0.9,
        for_cheapest=for_cheapest,
    )
    left = found.left_out[LeftOut.NEEDS_TOOLS]
    assert found.answers == 2000 - left < 2000
    assert found.notes == [
        f"left out: {left:,} to queries that need live data or a device, for the cheapest expert"
    ]


def test_a_strong_expert_that_is_no_better_is_never_asked() -> None:
    """And the sentence says never."""
    rows = [replace(one, score=1.0 if one.expert == "weak" else 0.2) for one in logged()]
    assert "asking strong never keeps 500.0% of its mean score" in calibrated(rows).words


@settings(max_examples=10, derandomize=True)
@given(st.floats(0.01, 0.99), st.floats(-1, 1), st.floats(-1e9, 1e12))
def test_what_was_in_force_while_it_was_logged_does_not_count(
    quality: float, gain: float, time: float
) -> None:
    """Neither corrected estimates nor another operating point nor a clock that jumps back: the
    same answers give the same, so a second run corrects nothing twice."""
    then = {name: Estimate(name, quality, cost, 1.0, 9.0) for name, cost in COSTS.items()}
    rows = [
        replace(one, estimates=then, gain=gain, min_gain=-gain, time=time - n) if n % 2 else one
        for n, one in enumerate(logged())
    ]
    found, before = calibrated(rows), calibrated(list(logged()))
    assert found.recalibrations == before.recalibrations
    assert found.price == before.price


def test_the_order_of_answers_does_not_count() -> None:
    """But for the draws of the bootstrap."""
    rows = list(logged())
    found, other = calibrated(rows), calibrated(rows[::-1])
    assert other.price.price == pytest.approx(found.price.price)
    for name, correction in found.corrections.items():
        assert other.corrections[name].bias == pytest.approx(correction.bias)


def test_who_has_too_few_answers_stays_as_it_is() -> None:
    """The pair is calibrated all the same; a note says what the third one lacks."""
    third = expert("third", 0.5)
    some = [row(5000 + n, expert="third", rival="weak", z=0.1 * n) for n in range(30)]
    found = LogCalibration.of(
        [*logged(), *some], (*EXPERTS, third), ROUTER, weak="weak", strong="strong", share=0.9
    )
    assert set(found.corrections) == {"weak", "strong"}
    assert found.too_few == {"third": 4737}
    assert found.notes[0].startswith("third: too few scored answers, its estimates stay as they")


def test_too_few_answers_are_refused_with_what_was_left_out() -> None:
    """And with how many more would do."""
    rows = [*logged()[:60], *[row(5000 + n, score=None) for n in range(40)]]
    with pytest.raises(TooFewOutcomes, match=r"score about .* left out were 40 not scored") as told:
        calibrated(rows)
    assert told.value.needed > 0
    doubled = [*rows, *[replace(one, id=f"again-{n}") for n, one in enumerate(logged()[60:])]]
    assert calibrated(doubled).answers == 2000


def test_without_exploration_there_is_no_result() -> None:
    """However many answers there are; the message names the setting."""
    rows = [replace(one, propensity=1.0, rival=None) for one in logged()]
    with pytest.raises(TooFewOutcomes, match=r"2,000 that nobody else might .* exploration = 0.1"):
        calibrated(rows)


def test_an_empty_log_says_how_it_is_filled() -> None:
    """By a setting and a command."""
    with pytest.raises(TooFewOutcomes, match="learn = true keeps answers, edge-router feedback"):
        calibrated([])


def test_an_expert_that_is_not_configured_is_refused() -> None:
    """It cannot have answered."""
    with pytest.raises(LearningError, match="'other' has answered nothing"):
        LogCalibration.of(list(logged()), EXPERTS, ROUTER, weak="weak", strong="other", share=0.9)
