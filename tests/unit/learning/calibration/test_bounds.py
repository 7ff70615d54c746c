"""Bounds against values by hand and by math.comb, and against what they promise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_router.learning.calibration.bounds import (
    binomial_cdf,
    binomial_interval,
    mean_is_below,
    rows_for_mean,
    rows_for_share,
)


@pytest.mark.parametrize(("rows", "share"), [(1, 0.5), (10, 0.05), (37, 0.3), (200, 0.95)])
def test_the_binomial_distribution_is_the_one_counted_out(rows: int, share: float) -> None:
    """Term by term with exact binomial coefficients."""
    terms = [math.comb(rows, k) * share**k * (1 - share) ** (rows - k) for k in range(rows + 1)]
    assert np.allclose(binomial_cdf(rows, share), np.cumsum(terms), rtol=1e-9, atol=1e-15)


def test_the_interval_of_a_share_is_clopper_and_pearsons() -> None:
    """None of 10 at 5 %: 1 - 0.025^(1/10); 3 of 10 from the published table; all by symmetry."""
    low, high = binomial_interval(0, 10, 0.05)
    assert (low, high) == (0.0, pytest.approx(1 - 0.025**0.1))
    assert binomial_interval(3, 10, 0.05) == pytest.approx((0.0667, 0.6525), abs=5e-5)
    assert binomial_interval(10, 10, 0.05) == (pytest.approx(0.025**0.1), 1.0)


@given(st.integers(1, 60), st.data())
def test_an_interval_holds_its_share_and_narrows_with_risk(rows: int, data: st.DataObject) -> None:
    """For every count."""
    count = data.draw(st.integers(0, rows))
    low, high = binomial_interval(count, rows, 0.05)
    narrow = binomial_interval(count, rows, 0.2)
    assert 0 <= low <= narrow[0] <= count / rows + 1e-9
    assert count / rows - 1e-9 <= narrow[1] <= high <= 1


def proven(losses: np.ndarray, level: float, delta: float = 0.1) -> np.ndarray:
    """`losses` (rows, tests) of at most 1."""
    return mean_is_below(list(losses), len(losses), level=level, ceiling=1.0, delta=delta)


def test_betting_proves_what_is_plain_and_nothing_from_one_row() -> None:
    """A hundred losses of 0 prove a mean below 0.5; one does not, and losses of 1 never do."""
    assert proven(np.zeros((100, 1)), 0.5).all()
    assert not proven(np.zeros((1, 1)), 0.5).any()
    assert not proven(np.ones((100, 1)), 0.5).any()


def test_a_level_that_no_loss_can_pass_needs_no_proof() -> None:
    """The most a loss can be is the level itself."""
    assert proven(np.ones((1, 1)), 1.0).all()


@pytest.mark.parametrize("level", [0.05, 0.3])
def test_betting_errs_no_more_often_than_it_says(level: float) -> None:
    """2,000 samples whose mean is the level, or a hair more: refuted in at most 1 of 10, up to
    three standard errors. What is half a level below is found out in most."""
    draws = np.random.default_rng(1).random((300, 2000))
    allowed = 0.1 + 3 * math.sqrt(0.1 * 0.9 / 2000)
    assert proven((draws < level).astype(float), level - 1e-9).mean() <= allowed
    assert proven((draws < level / 2).astype(float), level).mean() > 0.6


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.floats(0.05, 0.95))
def test_a_proof_lasts_at_more_risk(losses: list[float], level: float) -> None:
    """What two identical tests find is the same, and no capital becomes negative or not a number:
    a proof means that the mean seen is below the level."""
    both = proven(np.column_stack([losses, losses]), level)
    assert both[0] == both[1]
    if both[0]:
        assert np.mean(losses) < level + 0.5


def test_rows_for_a_share_solve_chernoffs_bound() -> None:
    """None seen at a level of a half: log(1 / delta) / log 2 rows; never where too many are."""
    found = rows_for_share(np.array([0.0, 0.5, 0.6]), level=0.5, delta=0.05)
    assert found.tolist() == [math.ceil(math.log(20) / math.log(2)), math.inf, math.inf]


def test_rows_for_a_mean_solve_bernsteins_inequality() -> None:
    """Mean 0, variance 1/4, level 0.1, ceiling 1: 2 log(1/delta) (1/4 + 1/30) / 0.01."""
    found = rows_for_mean(
        np.array([0.0, 0.2]), np.array([0.25, 0.25]), level=0.1, ceiling=1.0, delta=0.1
    )
    assert found.tolist() == [
        math.ceil(2 * math.log(10) * (0.25 + 1 / 30) / 0.01),
        math.inf,
    ]


def test_so_many_rows_do_prove_it() -> None:
    """Coins of a mean of 0.2 against a level of 0.3: most samples of the size advised succeed."""
    means, variances = np.array([0.2]), np.array([0.16])
    (rows,) = rows_for_mean(means, variances, level=0.3, ceiling=1.0, delta=0.1)
    draws = np.random.default_rng(2).random((int(rows), 500)) < 0.2
    assert proven(draws.astype(float), 0.3).mean() > 0.6
