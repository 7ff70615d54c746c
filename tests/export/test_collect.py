"""Collecting outcomes: resumable, and a failure is never a wrong answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge_router.errors import BackendUnavailable
from edge_router.testing import FakeBackend

collecting = pytest.importorskip("edge_router.export.collect", reason="the extra `export`")
questions = pytest.importorskip("edge_router.export.questions")

QUESTIONS = list(questions._everyday())[:4]


def rows(path: Path) -> list[dict[str, object]]:
    """What was written."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_each_question_becomes_one_graded_row(tmp_path: Path) -> None:
    """With answer, tokens and seconds."""
    collecting.collect(QUESTIONS, FakeBackend("Paris"), "fake", tmp_path / "x.jsonl")
    found = rows(tmp_path / "x.jsonl")
    assert [row["score"] for row in found] == [{"fake": 1.0}] + [{"fake": 0.0}] * 3
    assert found[0]["answer"] == {"fake": "Paris"}
    assert found[0]["output_tokens"] == {"fake": 1}


def test_a_killed_run_goes_on_where_it_was(tmp_path: Path) -> None:
    """Half a line is thrown away, whole lines are kept, nothing is asked twice."""
    out = tmp_path / "x.jsonl"
    collecting.collect(QUESTIONS[:2], FakeBackend("Paris"), "fake", out)
    whole = out.read_text()
    out.write_text(whole + '{"source": "everyday", "id": "every')
    backend = FakeBackend("Rome")
    collecting.collect(QUESTIONS, backend, "fake", out)
    assert out.read_text().startswith(whole)
    assert len(rows(out)) == 4
    assert len(backend.requests) == 2


def test_an_expert_that_fails_is_asked_again_then_recorded_as_failed(tmp_path: Path) -> None:
    """Its score stays unknown."""
    backend = FakeBackend(error=BackendUnavailable("down"))
    collecting.collect(QUESTIONS[:1], backend, "fake", tmp_path / "x.jsonl")
    (row,) = rows(tmp_path / "x.jsonl")
    assert (row["score"], row["failed"]) == ({}, {"fake": "down"})
    assert len(backend.requests) == collecting.ATTEMPTS
