"""Linear routers against the normal equations and the logistic curve."""

from __future__ import annotations

import numpy as np
import pytest

from edge_router.export.routers.base import Pool
from edge_router.export.routers.rules.linear import RidgeGain, WeakIsWrong, ridge

RANDOM = np.random.default_rng(0)
VECTORS = RANDOM.normal(size=(50, 3))
TARGETS = RANDOM.normal(size=(50, 2))


def test_ridge_without_strength_is_least_squares() -> None:
    """The same weights as numpy's own solver, the level first."""
    design = np.hstack([np.ones((50, 1)), VECTORS])
    expected = np.linalg.lstsq(design, TARGETS, rcond=None)[0]
    assert ridge(VECTORS, TARGETS, 0.0) == pytest.approx(expected)


def test_ridge_shrinks_the_slopes_and_keeps_the_level() -> None:
    """One centred number of sum of squares 2: the slope is x'y / (2 + strength)."""
    result = ridge(np.array([[-1.0], [1.0]]), np.array([[3.0], [7.0]]), 2.0)
    assert result.ravel() == pytest.approx([5.0, 4.0 / 4.0])


def test_ridge_gain_falls_back_on_the_means_where_nothing_can_be_learned(
    chat_and_maths: Pool,
) -> None:
    """Scores drawn by a coin: predictions spread far less than the scores do."""
    scores = np.random.default_rng(1).integers(0, 2, size=(400, 2)).astype(float)
    router = RidgeGain()
    router.fit(Pool(chat_and_maths.queries, ("a", "b"), scores), seed=0)
    assert router.utilities(chat_and_maths.queries).std() < 0.1


def test_weak_is_wrong_knows_only_the_weakest(chat_and_maths: Pool) -> None:
    """The others are worth the probability that it is wrong, whatever they score themselves."""
    scores = np.column_stack([chat_and_maths.scores[:, 0], np.zeros((400, 2))])
    router = WeakIsWrong()
    router.fit(Pool(chat_and_maths.queries, ("weak", "b", "c"), scores), seed=0)
    result = router.utilities(chat_and_maths.queries)
    assert result[:, 1] == pytest.approx(1 - result[:, 0])
    assert np.array_equal(result[:, 1], result[:, 2])
    right = scores[:, 0] == 1
    assert result[right, 0].min() > 0.5 > result[~right, 0].max()
