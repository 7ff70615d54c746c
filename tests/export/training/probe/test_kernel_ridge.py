"""Kernel ridge regression."""

from __future__ import annotations

import numpy as np
import pytest

from edge_router.export.training.probe.kernel_ridge import KernelRidge


def test_one_row_is_its_formula() -> None:
    """A second row of the same target adds nothing: mean, and a bump of the first."""
    rows, targets = np.array([[0.0], [2.0]]), np.array([[1.0], [3.0]])
    fitted = KernelRidge.fit(rows, targets, sharpness=0.5, ridge=1.0)
    kernel = np.exp(-0.5 * 4.0)
    weight = 1 / (2 - kernel)  # of (K + I) a = (-1, 1)
    at_1 = fitted.predict(np.array([[1.0]]))
    assert fitted.coefficients[:, 0] == pytest.approx([-weight, weight])
    assert at_1[0, 0] == pytest.approx(2.0)
    assert fitted.predict(rows)[1, 0] == pytest.approx(2.0 + weight * (1 - kernel))


def test_it_follows_its_rows_and_knows_nothing_far_from_them() -> None:
    """With next to no ridge it goes through each target; far away it says the mean."""
    random = np.random.default_rng(0)
    rows, targets = random.normal(size=(30, 4)), random.normal(size=(30, 2))
    fitted = KernelRidge.fit(rows, targets, sharpness=1.0, ridge=1e-9)
    np.testing.assert_allclose(fitted.predict(rows), targets, atol=1e-5)
    far = fitted.predict(np.full((3, 4), 1e3))
    np.testing.assert_allclose(far, np.tile(targets.mean(axis=0), (3, 1)))


def test_queries_in_pieces_are_as_at_once() -> None:
    """Each alone, and more than fit in memory together."""
    random = np.random.default_rng(1)
    fitted = KernelRidge.fit(
        random.normal(size=(5, 2)), random.normal(size=(5, 1)), sharpness=1.0, ridge=0.3
    )
    queries = random.normal(size=(5000, 2))
    one_by_one = [fitted.predict(queries[row : row + 1]) for row in (0, 2047, 2048, 4999)]
    np.testing.assert_allclose(
        np.concatenate(one_by_one), fitted.predict(queries)[[0, 2047, 2048, 4999]]
    )
