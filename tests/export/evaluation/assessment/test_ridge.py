"""Ridge on hashed TF-IDF: it learns what words say, and gives the mean where it knows none."""

from __future__ import annotations

import numpy as np
import pytest

from edge_router.export.evaluation.assessment.ridge import WordRidge

TEXTS = [f"{word} number {number}" for number in range(10) for word in ("prove", "hello")]
TARGETS = np.array([[1.0, 0.0] if text.startswith("prove") else [0.0, 1.0] for text in TEXTS])


def test_words_are_learned() -> None:
    """New texts of the same words come out on the right side."""
    read = WordRidge.fit(TEXTS, TARGETS).predict(["prove this", "hello there"])
    assert read[0, 0] > 0.7
    assert read[0, 1] < 0.3
    assert read[1, 1] > 0.7


def test_an_unknown_text_gets_the_mean() -> None:
    """An empty text has no feature at all."""
    assert WordRidge.fit(TEXTS, TARGETS).predict([""])[0].tolist() == pytest.approx([0.5, 0.5])
