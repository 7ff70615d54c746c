"""SoftmaxRegression: its optimum, its probabilities, and classes without rows."""

from __future__ import annotations

import numpy as np
import pytest

from edge_router.tasks.embedding.softmax_regression import SoftmaxRegression


def _data(classes: int, rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    centres = random.standard_normal((classes, 12))
    labels = random.integers(0, classes, rows)
    vectors = centres[labels] + 0.8 * random.standard_normal((rows, 12))
    return vectors.astype(np.float32), labels


@pytest.mark.parametrize("classes", [2, 5])
def test_the_gradient_vanishes_at_the_fit(classes: int) -> None:
    """Computed anew: probability less truth, times the vectors, plus the prior's pull."""
    vectors, labels = _data(classes, 400)
    fitted = SoftmaxRegression.fit(vectors, labels, classes, precision=1.0)
    shares = np.array([fitted.probabilities(vector) for vector in vectors])
    assert np.allclose(shares.sum(axis=1), 1.0)
    errors = shares - np.eye(classes)[labels]
    gradient = errors.T @ vectors + fitted.weights
    assert np.abs(gradient).max() < 1e-3 * len(vectors)
    assert np.abs(errors.sum(axis=0)).max() < 1e-3 * len(vectors)


def test_it_separates_what_can_be_separated() -> None:
    """On rows that it has not seen."""
    vectors, labels = _data(4, 800)
    fitted = SoftmaxRegression.fit(vectors[:400], labels[:400], 4)
    guessed = [int(fitted.probabilities(vector).argmax()) for vector in vectors[400:]]
    assert np.mean(np.array(guessed) == labels[400:]) > 0.9


def test_a_class_without_rows_is_improbable() -> None:
    """It is not an error: the list may name a task that nobody labelled yet."""
    vectors, labels = _data(2, 100)
    fitted = SoftmaxRegression.fit(vectors, labels, 3)
    assert fitted.probabilities(vectors[0])[2] < 0.1
