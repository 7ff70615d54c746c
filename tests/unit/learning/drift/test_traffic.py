"""Columns of traffic: four sides that count the same."""

from __future__ import annotations

import numpy as np
import pytest

from edge_router.learning.drift.traffic import Traffic, TrafficView
from edge_router.routing.artifact.representation import Representation

RANDOM = np.random.default_rng(0)
TRAFFIC = Traffic(
    RANDOM.random((50, 5), dtype=np.float32),
    RANDOM.random(50, dtype=np.float32),
    RANDOM.integers(0, 900, 50),
)
WEIGHTS = np.array([[1], [0], [0], [0], [0]], dtype=np.float32)
VIEW = TrafficView.fit(TRAFFIC, kinds=2, weights=WEIGHTS, biases=np.zeros(1, dtype=np.float32))


def test_each_side_has_total_variance_one() -> None:
    """Three difficulties, two kinds, one head, two lengths; all centred."""
    columns = VIEW.columns(TRAFFIC)
    assert columns.mean(0) == pytest.approx(np.zeros(8), abs=1e-5)
    sides = np.split(columns.var(0), [3, 5, 6])
    assert [side.sum() for side in sides] == pytest.approx([1, 1, 1, 1], abs=1e-4)


def test_qualities_are_the_heads_own() -> None:
    """A logistic model on the vector."""
    expected = 1 / (1 + np.exp(-TRAFFIC.vectors[:, 0]))
    assert VIEW.qualities(TRAFFIC)[:, 0] == pytest.approx(expected)


def test_one_query_is_traffic_of_one() -> None:
    """The same columns alone as among others."""
    query = Representation(TRAFFIC.vectors[3], float(TRAFFIC.log_tokens[3]))
    alone = VIEW.columns(Traffic.of_query(query, int(TRAFFIC.characters[3])))
    assert alone[0] == pytest.approx(VIEW.columns(TRAFFIC.take(np.array([3])))[0])
    assert len(TRAFFIC.take(np.array([3, 4]))) == 2


def test_a_side_that_does_not_vary_is_no_fault() -> None:
    """Nor are no kinds at all, and a query of no characters."""
    still = Traffic(np.ones((4, 2), np.float32), np.ones(4, np.float32), np.zeros(4, np.int64))
    view = TrafficView.fit(still, kinds=0, weights=np.ones((2, 1), np.float32), biases=WEIGHTS[0])
    assert np.array_equal(view.columns(still), np.zeros((4, 5)))
