"""A price from a log in which only the chosen expert's score was seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge_router.errors import TooFewOutcomes
from edge_router.learning.outcomes.pair_price import fit_price
from edge_router.learning.outcomes.propensity import LoggedOutcomes
from edge_router.learning.outcomes.recalibration import recalibrate
from edge_router.routing.deciding.operating_point import Correction
from edge_router.routing.logistic import sigmoid
from made_log import simulated

SAME = {name: Correction(1.0, 0.0) for name in ("weak", "strong")}


def corrections(log: LoggedOutcomes) -> dict[str, Correction]:
    """Of both experts, from the same log."""
    return {name: recalibrate(log, name).correction for name in log.experts}


def test_the_share_of_quality_is_estimated_without_bias() -> None:
    """Over 60 simulated logs it is right on average; the plain means of the asked experts are not,
    since each was mostly asked what it is good at."""
    random = np.random.default_rng(2)
    z = random.normal(0, 1.5, 400_000)
    truth = sigmoid(-z - 0.5).mean() / sigmoid(z / 2 + 0.5).mean()
    shares, plain = [], []
    for _ in range(60):
        log = simulated(random, 1500)
        found = fit_price(log, SAME, weak="weak", strong="strong", share=0.0, repeats=2)
        assert (found.calls, found.price) == (0, 1)
        shares.append(found.share)
        plain.append(log.scores[log.chosen == 0].mean() / log.scores[log.chosen == 1].mean())
    assert np.mean(shares) == pytest.approx(truth, abs=3 * np.std(shares) / np.sqrt(60))
    assert np.mean(plain) > truth + 0.1


def test_a_threshold_keeps_the_share_asked_for() -> None:
    """With the corrections of the same log; the interval holds the estimate."""
    log = simulated(np.random.default_rng(3), 8000)
    found = fit_price(log, corrections(log), weak="weak", strong="strong", share=0.95, repeats=100)
    assert found.share >= 0.95
    assert 0 < found.calls < 1
    assert found.share_interval[0] < found.share < found.share_interval[1]
    again = fit_price(log, corrections(log), weak="weak", strong="strong", share=0.95, repeats=100)
    assert again == found


def test_the_interval_covers_the_truth_at_the_threshold_found() -> None:
    """In 95 % of 40 simulated logs within three standard errors, though the threshold was chosen
    on the same log."""
    random = np.random.default_rng(9)
    z = random.normal(0, 1.5, 100_000)
    weak, strong = sigmoid(-z - 0.5), sigmoid(z / 2 + 0.5)
    covered = []
    for _ in range(40):
        log = simulated(random, 2000)
        fitted = corrections(log)
        found = fit_price(log, fitted, weak="weak", strong="strong", share=0.95, repeats=100)
        gains = fitted["strong"].corrected(sigmoid(z)) - fitted["weak"].corrected(sigmoid(-z))
        true = np.where(gains >= found.price, strong, weak).mean() / strong.mean()
        covered.append(found.share_interval[0] <= true <= found.share_interval[1])
    assert np.mean(covered) >= 0.84


def test_a_share_that_nothing_keeps_asks_always() -> None:
    """The smallest gain is then the threshold."""
    log = simulated(np.random.default_rng(4), 4000)
    found = fit_price(log, corrections(log), weak="weak", strong="strong", share=9.0, repeats=10)
    assert (found.calls, found.share) == (1, 1)


def test_a_pair_that_was_never_a_choice_is_refused() -> None:
    """Both must have been asked where the other one might have been."""
    log = simulated(np.random.default_rng(5), 2000)
    alone = log.where(log.chosen == 1)
    with pytest.raises(TooFewOutcomes, match="0 scored answers of 'weak' where the other might"):
        fit_price(alone, corrections(log), weak="weak", strong="strong", share=0.9)


def test_a_dearer_pair_turns_at_a_price_in_proportion() -> None:
    """The same answers of two experts that lie half as far apart: twice the price."""
    log = simulated(np.random.default_rng(3), 8000)
    near = replace(log, expense=np.tile([0.5, 1.0], (len(log), 1)))
    far, close = (
        fit_price(one, SAME, weak="weak", strong="strong", share=0.95, repeats=2)
        for one in (log, near)
    )
    assert close.calls == pytest.approx(far.calls, abs=0.01)
    assert close.price == pytest.approx(2 * far.price, abs=0.03)


def test_the_strong_expert_may_be_the_cheaper_one() -> None:
    """A low price then asks the weak one; at the highest the strong one is always asked."""
    log = simulated(np.random.default_rng(3), 8000)
    swapped = replace(log, expense=np.tile([1.0, 0.0], (len(log), 1)))
    found = fit_price(swapped, SAME, weak="weak", strong="strong", share=0.0, repeats=2)
    assert (found.price, found.calls) == (1, 1)
