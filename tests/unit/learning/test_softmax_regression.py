"""SoftmaxRegression: its optimum under both weights of classes, and classes without rows."""

from __future__ import annotations

import numpy as np
import pytest

from edge_router.learning.softmax_regression import QUICK, SoftmaxRegression


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
    fitted = SoftmaxRegression.fit(vectors, labels, classes=classes, penalty=1.0)
    shares = np.array([fitted.probabilities(vector) for vector in vectors])
    assert np.allclose(shares.sum(axis=1), 1.0)
    errors = shares - np.eye(classes)[labels]
    gradient = vectors.T @ errors + fitted.weights
    assert np.abs(gradient).max() < 1e-3 * len(vectors)
    assert np.abs(errors.sum(axis=0)).max() < 1e-3 * len(vectors)


def test_equal_classes_weigh_the_same_whatever_their_rows() -> None:
    """Predicted counts match observed ones in each class, once rows are weighted."""
    rng = np.random.default_rng(0)
    labels = rng.choice(3, 300, p=(0.6, 0.3, 0.1))
    features = (np.eye(3)[labels] + rng.normal(0, 0.7, (300, 3))).astype(np.float32)
    fitted = SoftmaxRegression.fit(
        features, labels, classes=3, penalty=0.1, class_weights="equal", search=QUICK
    )
    odds = fitted.log_odds(features)
    shares = np.exp(odds) / np.exp(odds).sum(1, keepdims=True)
    weights = (100 / np.bincount(labels))[labels]
    assert (shares * weights[:, None]).sum(0) == pytest.approx([100] * 3, rel=0.02)


def test_it_separates_what_can_be_separated() -> None:
    """On rows that it has not seen."""
    vectors, labels = _data(4, 800)
    fitted = SoftmaxRegression.fit(vectors[:400], labels[:400], classes=4, penalty=0.1)
    guessed = [int(fitted.probabilities(vector).argmax()) for vector in vectors[400:]]
    assert np.mean(np.array(guessed) == labels[400:]) > 0.9


def test_a_class_without_rows_is_no_error() -> None:
    """The list may name a task that nobody labelled yet: where rows count, it is improbable."""
    vectors, labels = _data(2, 100)
    fitted = SoftmaxRegression.fit(vectors, labels, classes=3, penalty=0.1)
    assert fitted.probabilities(vectors[0])[2] < 0.1
    equal = SoftmaxRegression.fit(
        vectors, labels, classes=3, penalty=0.1, class_weights="equal", search=QUICK
    )
    assert np.isfinite(equal.weights).all()
