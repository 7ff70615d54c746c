"""The threshold of a semantic cache keeps its stated rate of wrong hits."""

from __future__ import annotations

import numpy as np

from edge_router.learning.calibration.wrong_hits import fitted_weights, semantic_threshold


def test_a_threshold_keeps_its_bound() -> None:
    """Wrong hits begin below .8; too few pairs allow no semantic hit at all."""
    cosines = np.linspace(0.5, 1, 1000)
    threshold = semantic_threshold(cosines.tolist(), (cosines > 0.8).tolist(), wrong=0.05)
    hits = cosines >= threshold
    assert np.mean(cosines[hits] <= 0.8) <= 0.05
    assert 0.77 <= threshold <= 0.82
    assert semantic_threshold([0.99] * 5, [True] * 5) > 1


def test_the_fitted_weights_tell_pairs_apart() -> None:
    """The second feature decides, the first one says nothing."""
    design = np.random.default_rng(0).normal(size=(400, 2))
    bias, nothing, decides = fitted_weights(design, (design[:, 1] > 0.5).tolist())
    assert decides > 5
    assert bias < 0
    assert abs(nothing) < 1
