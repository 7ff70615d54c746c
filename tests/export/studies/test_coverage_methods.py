"""The bounds that the betting test is compared with, against values by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edge_router.export.studies.coverage.methods import (
    empirical_bernstein_bound,
    hoeffding_bentkus_p_value,
)


def test_hoeffding_bentkus_is_the_smaller_of_both() -> None:
    """10 of 100 against 0.2: exp(-n KL) against e times the binomial tail, term by term."""
    tail = sum(math.comb(100, k) * 0.2**k * 0.8 ** (100 - k) for k in range(11))
    divergence = 0.1 * math.log(0.1 / 0.2) + 0.9 * math.log(0.9 / 0.8)
    expected = min(math.exp(-100 * divergence), math.e * tail)
    result = hoeffding_bentkus_p_value(np.array([0.1, 0.2, 0.5]), 100, 0.2)
    assert result.tolist() == pytest.approx([expected, 1.0, 1.0])


def test_the_p_value_grows_with_the_mean() -> None:
    """And is never above 1."""
    result = hoeffding_bentkus_p_value(np.linspace(0, 1, 51), 50, 0.3)
    assert (np.diff(result) >= -1e-12).all()
    assert (result <= 1).all()


def test_the_empirical_bernstein_bound_is_maurers() -> None:
    """Mean 0.2, variance 0.16, 101 rows in a range of 2, delta 0.1."""
    tail = math.log(20)
    expected = 0.2 + math.sqrt(2 * 0.16 * tail / 101) + 7 * 2 * tail / 300
    result = empirical_bernstein_bound(np.array([0.2]), np.array([0.16]), 101, width=2.0, delta=0.1)
    assert result.tolist() == pytest.approx([expected])
