"""What a row says of its samples."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_router.benchmarks.rows.spread import Summary, median_absolute_deviation

samples = st.lists(st.floats(1e-9, 1e3), min_size=1, max_size=300)


@given(samples)
def test_percentiles_are_those_of_numpy(values: list[float]) -> None:
    """Interpolated linearly, with the number of samples beside them."""
    result = Summary.of(values)
    for percent in (50, 90, 95, 99):
        assert getattr(result, f"p{percent}") == pytest.approx(np.percentile(values, percent))
    assert (result.n, result.min, result.max) == (len(values), min(values), max(values))


@given(samples)
def test_percentiles_rise(values: list[float]) -> None:
    """From the least to the greatest sample."""
    result = Summary.of(values)
    rising = [result.min, result.p50, result.p90, result.p95, result.p99, result.max]
    assert all(low <= high * (1 + 1e-12) for low, high in pairwise(rising))


def test_the_deviation_ignores_an_outlier() -> None:
    """Distances from the median 3 are 2, 1, 0, 1, 97; their median is 1."""
    assert median_absolute_deviation([1.0, 2.0, 3.0, 4.0, 100.0]) == 1.0
