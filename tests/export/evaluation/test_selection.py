"""Selection: the expert picked and its probability, computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("tqdm", reason="the extra `export` is not installed")

from edge_router.export.evaluation.contenders import entropy_bits, pick, softmax


def test_the_best_takes_all_and_equals_share() -> None:
    """Three at the top are asked in a third of the cases each."""
    assert pick(np.array([[1.0, 2.0, 0.0]])).tolist() == [[0.0, 1.0, 0.0]]
    assert pick(np.zeros((1, 3)))[0] == pytest.approx([1 / 3] * 3)


def test_entropy_in_bits() -> None:
    """A fair coin has one bit, certainty none, four alike two."""
    shares = np.array([[0.5, 0.5, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0], [0.25] * 4])
    assert entropy_bits(shares) == pytest.approx([1.0, 0.0, 2.0])


def test_softmax_undoes_logarithms() -> None:
    """A classifier's log probabilities are its distribution, also far from 0."""
    shares = np.array([[0.7, 0.2, 0.1]])
    assert softmax(np.log(shares) - 900) == pytest.approx(shares)
