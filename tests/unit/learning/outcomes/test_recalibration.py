"""Recalibration from a log in which only the chosen expert's score was seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_router.errors import LearningError, TooFewOutcomes
from edge_router.learning.outcomes.propensity import LEAST_EFFECTIVE
from edge_router.learning.outcomes.recalibration import recalibrate
from edge_router.routing.logistic import sigmoid
from made_log import simulated


def truth_of_strong() -> float:
    """The mean score of the strong expert over all queries."""
    z = np.random.default_rng(0).normal(0, 1.5, 400_000)
    return float(sigmoid(z / 2 + 0.5).mean())


TRUTH = truth_of_strong()


def test_the_true_correction_is_found() -> None:
    """From 40,000 simulated queries, and both truths lie in the intervals."""
    found = recalibrate(simulated(np.random.default_rng(0), 40_000), "strong")
    assert found.correction.temperature == pytest.approx(2, rel=0.1)
    assert found.correction.bias == pytest.approx(0.5, abs=0.05)
    assert found.temperature_interval[0] < 2 < found.temperature_interval[1]
    assert found.bias_interval[0] < 0.5 < found.bias_interval[1]
    assert LEAST_EFFECTIVE < found.effective < found.answers


def test_intervals_cover_the_truth_at_their_rate() -> None:
    """In 95 % of 100 simulated logs, within three standard errors."""
    random = np.random.default_rng(1)
    biases, means = [], []
    for _ in range(100):
        found = recalibrate(simulated(random, 1500), "strong")
        biases.append(found.bias_interval[0] < 0.5 < found.bias_interval[1])
        means.append(found.mean_score_interval[0] < TRUTH < found.mean_score_interval[1])
    assert np.mean(biases) >= 0.88
    assert np.mean(means) >= 0.88


@settings(max_examples=25, derandomize=True)
@given(st.integers(0, 10_000), st.floats(0.1, 0.5))
def test_the_mean_score_is_that_of_all_queries(seed: int, rate: float) -> None:
    """Whatever the exploration rate, within four standard errors; a plain mean is of the queries
    that the expert was thought to be good at."""
    log = simulated(np.random.default_rng(seed), 3000, rate=rate)
    found = recalibrate(log, "strong")
    error = (found.mean_score_interval[1] - found.mean_score) / 1.96
    assert found.mean_score == pytest.approx(TRUTH, abs=4 * error)
    assert found.expected == pytest.approx(0.5, abs=0.1)
    if rate <= 0.2:
        assert log.scores[log.chosen == 1].mean() > TRUTH + 0.04


def test_too_few_answers_are_refused_with_how_many_are_needed() -> None:
    """Ten equal ones of a hundred; none at all, of an expert that is asked in one of five."""
    log = simulated(np.random.default_rng(5), 2000)
    few = log.where((log.chosen == 1) & (log.propensity == 0.8))
    few = few.where(np.arange(len(few)) < 10)
    with pytest.raises(TooFewOutcomes, match=r"10 scored answers of 'strong' tell .* 90 more") as e:
        recalibrate(few, "strong")
    assert e.value.needed == 90
    with pytest.raises(TooFewOutcomes, match="0 scored answers of 'weak'") as e:
        recalibrate(few, "weak")
    assert e.value.needed == LEAST_EFFECTIVE / 0.2


def test_a_worthless_estimate_is_flattened_no_further_than_its_bound() -> None:
    """Estimates that are upside down get the largest temperature, and the right mean."""
    log = simulated(np.random.default_rng(7), 4000)
    scores = (log.estimates[:, 1] < 0.5).astype(np.float64)
    wrong = replace(log, scores=scores)
    found = recalibrate(wrong, "strong").correction
    assert found.temperature == 4
    assert found.bias == pytest.approx(0, abs=0.2)


def test_an_expert_that_is_not_in_the_log_is_refused() -> None:
    """Those that are, are named."""
    with pytest.raises(LearningError, match="'other' has answered nothing: the settings have weak"):
        recalibrate(simulated(np.random.default_rng(8), 10), "other")
