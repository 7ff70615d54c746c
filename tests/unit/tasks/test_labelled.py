"""Labelled questions: read once each, with their task; what is none is refused by its line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edge_router.errors import ConfigError, OutcomesUnusable
from edge_router.tasks import labelled
from edge_router.tasks.labelled import read_labelled, shown_text, tasks_of, tasks_of_table
from made_tasks import questions, write_rows


def test_questions_are_read_with_their_split(tmp_path: Path) -> None:
    """Twice the same question, up to case and blanks, counts once."""
    rows: list[dict[str, Any]] = [
        {"query": "What?", "task": "a", "split": "train", "score": {"x": 1}},
        {"query": " what? ", "task": "a", "split": "train"},
        {"messages": [{"role": "user", "content": "Who?"}], "task": "b", "split": "test"},
    ]
    path = write_rows(tmp_path / "q.jsonl", rows)
    read = read_labelled(path)
    assert [(one.text, one.task, one.split) for one in read] == [
        ("What?", "a", "train"),
        ("Who?", "b", "test"),
    ]
    assert tasks_of(read) == ("a", "b")
    assert [one.text for one in read_labelled(path, split="test")] == ["Who?"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"query": "?"}], 'lacks "task"'),
        ([{"query": "?", "task": ""}], 'empty "task"'),
        ([{"query": "?", "task": 3}], "must be a text"),
        ([{"task": "a"}], 'lacks "query"'),
        ([{"query": " ", "task": "a"}], "cannot be routed"),
        ([{"query": "?", "task": "a"}, {"query": "?", "task": "b"}], "leave one of them out"),
        ([], "has no question"),
    ],
)
def test_what_is_no_labelled_question_is_refused(
    tmp_path: Path, rows: list[dict[str, Any]], message: str
) -> None:
    """With the file and, where there is one, the line."""
    path = write_rows(tmp_path / "q.jsonl", rows)
    with pytest.raises(ConfigError, match=message) as refused:
        read_labelled(path)
    assert "q.jsonl" in str(refused.value)


def test_too_many_questions_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stated bound, before memory runs out."""
    monkeypatch.setattr(labelled, "MOST_QUESTIONS", 5)
    with pytest.raises(ConfigError, match="more than 5 questions"):
        read_labelled(write_rows(tmp_path / "q.jsonl", questions(3)))


def test_a_long_question_is_shown_by_its_ends() -> None:
    """The question is often at the end."""
    shown = shown_text("a" * 5000 + "z")
    assert len(shown) <= 1010
    assert (shown[0], shown[-1]) == ("a", "z")


def test_task_names_of_a_table_come_by_frequency(tmp_path: Path) -> None:
    """A row without a task is refused with its line."""
    table = tmp_path / "t.jsonl"
    rows = [{"query": "?", "score": {"a": 1}, "task": task} for task in ("x", "y", "y")]
    table.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert tasks_of_table(table).names == ("y", "x")
    table.write_text(json.dumps({"query": "?", "score": {"a": 1}}) + "\n")
    with pytest.raises(OutcomesUnusable, match=r"1 lacks .task."):
        tasks_of_table(table)
