"""Corrections from a log in which only the chosen expert's score was seen."""

from __future__ import annotations

import numpy as np
import pytest

from edge_router.calibration import sigmoid
from edge_router.encoder import Representation
from edge_router.errors import LearningError, TooFewOutcomes
from edge_router.experts import ExpertHead
from edge_router.logged_outcomes import LEAST_EFFECTIVE, LoggedOutcomes, effective_size
from edge_router.pair_threshold import fit_threshold
from edge_router.recalibration import Correction, fit_correction

NAN = float("nan")


def simulated(random: np.random.Generator, queries: int, *, rate: float = 0.2) -> LoggedOutcomes:
    """The strong expert's true log-odds are z / 2 + 0.5, the weak one's -z - 0.5, and estimates
    come from z and -z; whoever is estimated better is asked, the other one at `rate`."""
    z = random.normal(0, 1.5, queries)
    estimates = np.stack([sigmoid(-z), sigmoid(z)], axis=1)
    truth = np.stack([sigmoid(-z - 0.5), sigmoid(z / 2 + 0.5)], axis=1)
    explored = random.random(queries) < rate
    chosen = (z > 0) ^ explored
    good = random.random(queries) < truth[np.arange(queries), chosen.astype(int)]
    return LoggedOutcomes(
        ("weak", "strong"),
        estimates,
        chosen.astype(np.intp),
        (~chosen).astype(np.intp),
        np.where(explored, rate, 1 - rate),
        good.astype(np.float64),
    )


def test_effective_size_by_hand() -> None:
    """Equal weights count whole; (1 + 1 + 2)^2 / (1 + 1 + 4) is 8 / 3; nothing is nothing."""
    assert effective_size(np.ones(7)) == pytest.approx(7)
    assert effective_size(np.array([1.0, 1.0, 2.0])) == pytest.approx(8 / 3)
    assert effective_size(np.zeros(3)) == 0


def test_the_true_correction_is_found() -> None:
    """From 40,000 simulated queries, and both truths lie in the intervals."""
    found = fit_correction(simulated(np.random.default_rng(0), 40_000), "strong")
    assert found.temperature == pytest.approx(2, rel=0.1)
    assert found.bias == pytest.approx(0.5, abs=0.05)
    assert found.temperature_interval[0] < 2 < found.temperature_interval[1]
    assert found.bias_interval[0] < 0.5 < found.bias_interval[1]
    assert LEAST_EFFECTIVE < found.effective < found.answers


def test_intervals_cover_the_truth_at_their_rate() -> None:
    """In 95 % of 100 simulated logs, within three standard errors."""
    random = np.random.default_rng(1)
    covered = []
    for _ in range(100):
        low, high = fit_correction(simulated(random, 1500), "strong").bias_interval
        covered.append(low < 0.5 < high)
    assert np.mean(covered) >= 0.88


def test_the_share_of_quality_is_estimated_without_bias() -> None:
    """Over 60 simulated logs it is right on average; the plain means of who was asked are not,
    since each was mostly asked what it is good at."""
    random = np.random.default_rng(2)
    same = {name: Correction(name, 1, 0, (1, 1), (0, 0), 0, 0) for name in ("weak", "strong")}
    z = random.normal(0, 1.5, 400_000)
    truth = sigmoid(-z - 0.5).mean() / sigmoid(z / 2 + 0.5).mean()
    shares, plain = [], []
    for _ in range(60):
        log = simulated(random, 1500)
        found = fit_threshold(log, same, weak="weak", strong="strong", share=0.0, repeats=2)
        assert found.calls == 0
        shares.append(found.share)
        plain.append(log.scores[log.chosen == 0].mean() / log.scores[log.chosen == 1].mean())
    assert np.mean(shares) == pytest.approx(truth, abs=3 * np.std(shares) / np.sqrt(60))
    assert np.mean(plain) > truth + 0.1


def test_a_threshold_keeps_the_share_asked_for() -> None:
    """With the corrections of the same log; the interval holds the estimate."""
    log = simulated(np.random.default_rng(3), 8000)
    corrections = {name: fit_correction(log, name) for name in log.experts}
    found = fit_threshold(log, corrections, weak="weak", strong="strong", share=0.95, repeats=100)
    assert found.share >= 0.95
    assert 0 < found.calls < 1
    assert found.share_interval[0] < found.share < found.share_interval[1]
    again = fit_threshold(log, corrections, weak="weak", strong="strong", share=0.95, repeats=100)
    assert again == found


def test_a_share_that_nothing_keeps_asks_always() -> None:
    """The smallest gain is then the threshold."""
    log = simulated(np.random.default_rng(4), 4000)
    corrections = {name: fit_correction(log, name) for name in log.experts}
    found = fit_threshold(log, corrections, weak="weak", strong="strong", share=9.0, repeats=10)
    assert (found.calls, found.share) == (1, 1)


def test_too_few_answers_are_refused_with_how_many_are_needed() -> None:
    """Ten equal ones of a hundred; none at all; a threshold without any exploration."""
    log = simulated(np.random.default_rng(5), 2000)
    few = log.where(np.cumsum(log.chosen == 1) <= 10)
    few = few.where(few.chosen == 1)
    with pytest.raises(
        TooFewOutcomes, match=r"10 scored answers of 'strong' .* score about"
    ) as told:
        fit_correction(few, "strong")
    assert told.value.needed >= 90
    with pytest.raises(TooFewOutcomes, match="0 scored answers of 'weak'") as told:
        fit_correction(few, "weak")
    assert told.value.needed == LEAST_EFFECTIVE
    corrections = {name: fit_correction(log, name) for name in log.experts}
    alone = log.where(log.chosen == 1)
    with pytest.raises(TooFewOutcomes, match="of 'weak' where the other might answer"):
        fit_threshold(alone, corrections, weak="weak", strong="strong", share=0.9)


def test_answers_without_a_score_do_not_count() -> None:
    """Nor do estimates of who was no candidate."""
    log = simulated(np.random.default_rng(6), 3000)
    scores = np.where(np.arange(3000) % 2, log.scores, NAN)
    half = LoggedOutcomes(log.experts, log.estimates, log.chosen, log.rival, log.propensity, scores)
    known = log.where(np.arange(3000) % 2 == 1)
    assert fit_correction(half, "strong") == fit_correction(known, "strong")


def test_a_worthless_estimate_is_flattened_no_further_than_its_bound() -> None:
    """Estimates that are upside down get the largest temperature, and the right mean."""
    log = simulated(np.random.default_rng(7), 4000)
    scores = (log.estimates[:, 1] < 0.5).astype(np.float64)
    wrong = LoggedOutcomes(
        log.experts, log.estimates, log.chosen, log.rival, log.propensity, scores
    )
    found = fit_correction(wrong, "strong")
    assert found.temperature == 4
    assert found.bias == pytest.approx(0, abs=0.2)


def test_a_corrected_head_gives_corrected_estimates() -> None:
    """Through another temperature and bias; the weights stay."""
    head = ExpertHead(0.3, np.array([1.0, -2.0], dtype=np.float32), temperature=1.7)
    correction = Correction("e", 1.4, -0.6, (1, 2), (-1, 0), 100, 100.0)
    query = Representation(np.array([0.5, 0.8], dtype=np.float32), 1.0)
    expected = correction.corrected(np.array([head.quality(query)]))
    assert correction.corrected_head(head).quality(query) == pytest.approx(expected[0])


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("propensity", 0.0, "propensity of 0 is logged; it must be above 0 and at most 1"),
        ("propensity", NAN, "propensity of nan"),
        ("scores", 1.5, r"score of 1\.5 is logged; it must be in 0\.\.1"),
        ("estimates", -0.1, r"estimate of -0\.1"),
    ],
)
def test_numbers_that_cannot_be_are_refused(field: str, value: float, told: str) -> None:
    """By name and value."""
    arrays = {
        "estimates": np.array([[0.5, 0.5]]),
        "propensity": np.array([1.0]),
        "scores": np.array([NAN]),
    }
    arrays[field] = np.full_like(arrays[field], value)
    with pytest.raises(LearningError, match=told):
        LoggedOutcomes(("a", "b"), chosen=np.array([0]), rival=np.array([-1]), **arrays)


def test_an_expert_that_is_not_in_the_log_is_refused() -> None:
    """Those that are, are named."""
    with pytest.raises(LearningError, match="nothing of 'other'; it has weak, strong"):
        fit_correction(simulated(np.random.default_rng(8), 10), "other")
