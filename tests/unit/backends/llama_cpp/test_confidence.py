"""How sure a model is of a token: softmax figures worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from edge_router.backends.llama_cpp.confidence import ConfidenceMeter, Distribution
from edge_router.chat.completion import TokenConfidence

LOGITS = np.log(np.array([1.0, 5.0, 2.0, 2.0], dtype=np.float32))  # 0.1, 0.5, 0.2, 0.2
SURE = np.array([0.0, 0.0, 40.0, 0.0], dtype=np.float32)


def test_a_distribution_worked_out_by_hand() -> None:
    """Probabilities 0.1, 0.5, 0.2 and 0.2."""
    found = Distribution.of(LOGITS)
    entropy = -(0.1 * math.log(0.1) + 0.5 * math.log(0.5) + 0.4 * math.log(0.2))
    assert found.entropy == pytest.approx(entropy, abs=1e-6)
    assert found.margin == pytest.approx(0.5 - 0.2)
    assert found.log_probability(0) == pytest.approx(math.log(0.1), abs=1e-6)
    assert found.log_probability(1) == pytest.approx(math.log(0.5), abs=1e-6)


def test_an_impossible_token_is_very_unlikely_and_spoils_nothing() -> None:
    """Minus infinity, as a grammar or a mask writes it."""
    found = Distribution.of(np.array([0.0, 0.0, -np.inf], dtype=np.float32))
    assert found.entropy == pytest.approx(math.log(2))
    assert found.margin == 0.0
    assert -100 < found.log_probability(2) < -50


@given(arrays.arrays(np.float32, st.integers(2, 20), elements=st.floats(-30, 30, width=32)))
def test_the_figures_stay_in_their_ranges(logits: np.ndarray) -> None:
    """Whatever the logits, and a constant added to all of them changes nothing."""
    found = Distribution.of(logits)
    assert -1e-4 <= found.entropy <= math.log(len(logits)) + 1e-4
    assert 0 <= found.margin <= 1
    assert all(found.log_probability(token) <= 1e-6 for token in range(len(logits)))
    shifted = Distribution.of(logits + np.float32(8))
    assert shifted.entropy == pytest.approx(found.entropy, abs=1e-3)
    assert shifted.margin == pytest.approx(found.margin, abs=1e-3)


def test_a_meter_counts_each_token_once_it_is_known() -> None:
    """Token 0 is chosen from LOGITS, token 2 from SURE; the third is never known."""
    meter = ConfidenceMeter()
    assert meter.so_far() is None
    assert meter(np.array([7, 8]), LOGITS) is LOGITS
    assert meter.so_far() is None
    meter(np.array([7, 8, 0]), SURE)
    first = meter.so_far()
    assert first is not None
    assert first.tokens == 1
    assert first.mean_log_probability == first.first_log_probability
    meter(np.array([7, 8, 0, 2]), LOGITS)
    assert meter.so_far() == TokenConfidence(
        tokens=2,
        mean_log_probability=pytest.approx(math.log(0.1) / 2, abs=1e-6),
        mean_entropy=pytest.approx(first.first_entropy / 2, abs=1e-6),
        min_margin=pytest.approx(0.3),
        first_log_probability=first.first_log_probability,
        first_entropy=first.first_entropy,
        first_margin=first.first_margin,
    )
