"""Joining outcome rows on disk: the order of questions, and who wins."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

pytest.importorskip("tqdm", reason="the extra `export`")

from ray_collecting import question

from edge_router.export.collecting.asked_expert import AskedExpert
from edge_router.export.collecting.collect import collect
from edge_router.export.collecting.row_store import row_store
from edge_router.learning.outcomes.rows import Row
from edge_router.testing import FakeBackend


def row(name: object, **fields: object) -> Row:
    return {"source": "s", "id": name, "score": {}, **fields}


def test_rows_come_in_the_order_of_places_after_those_of_other_questions() -> None:
    """Others in the order in which they came; an id may be a number."""
    with row_store({("s", "1"): 0, ("s", "2"): 1}) as store:
        for name in ("2", "other", 1, "more", "other"):
            store.add(row(name))
        assert [one["id"] for one in store.joined()] == ["other", "more", 1, "2"]


def test_a_later_row_wins_for_the_same_expert() -> None:
    """Texts are the first one's; a failure that was mended is none."""
    with row_store({}) as store:
        store.add(row("x", task="first", failed={"a": "down", "b": "down"}))
        store.add(row("x", task="second", score={"a": 0.0, "c": 1.0}))
        store.add(row("x", score={"a": 1.0}, similarity={"a": 0.25}))
        assert list(store.joined()) == [
            row("x", task="first", score={"a": 1.0, "c": 1.0}, similarity={"a": 0.25})
            | {"failed": {"b": "down"}}
        ]


def test_collecting_holds_no_table_in_memory(tmp_path: Path) -> None:
    """300 answers of 40 KB are 12 MB; the run holds a fraction of them."""
    expert = AskedExpert("fake", (FakeBackend("word" * 10_000),))
    questions = [question(number) for number in range(300)]
    tracemalloc.start()
    try:
        collect(questions, [expert], tmp_path / "x.jsonl")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (tmp_path / "x.jsonl").stat().st_size > 12_000_000
    assert peak < 3_000_000
