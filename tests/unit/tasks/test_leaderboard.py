"""Leaderboard: accuracies with intervals, and which experts cannot be told apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_router.errors import ConfigError, OutcomesUnusable
from edge_router.tasks.leaderboard import Accuracy, Leaderboard, chance_apart
from made_tasks import write_rows


def rows(task: str, **right: int) -> list[dict[str, Any]]:
    """Ten questions of a task; each expert is right on its first so many."""
    return [
        {
            "query": f"{task} {n}?",
            "task": task,
            "split": "train",
            "score": {name: int(n < count) for name, count in right.items()},
        }
        for n in range(10)
    ]


def test_accuracy_has_wilsons_interval() -> None:
    """Checked against the published example of 8 of 10: 0.490 to 0.943."""
    accuracy = Accuracy.of(np.array([1.0] * 8 + [0.0] * 2))
    assert accuracy.mean == 0.8
    assert accuracy.low == pytest.approx(0.4902, abs=1e-4)
    assert accuracy.high == pytest.approx(0.9433, abs=1e-4)
    assert Accuracy.of_json(accuracy.to_json()).low == pytest.approx(accuracy.low, abs=1e-6)


@given(st.lists(st.sampled_from([0.0, 0.25, 1.0]), min_size=1, max_size=50))
def test_an_interval_holds_its_mean(scores: list[float]) -> None:
    """And stays in 0..1, for any scores."""
    one = Accuracy.of(np.array(scores))
    assert 0 <= one.low <= one.mean + 1e-9
    assert one.mean - 1e-9 <= one.high <= 1


def test_a_table_becomes_accuracies_by_task_and_expert(tmp_path: Path) -> None:
    """Each expert on the questions that it was scored on."""
    table = [*rows("a", x=9, y=2), *rows("b", x=1, y=4)]
    del table[0]["score"]["y"]
    board = Leaderboard.read(write_rows(tmp_path / "t.jsonl", table))
    assert (board.experts, set(board.names)) == (("x", "y"), {"a", "b"})
    assert board.accuracies("a")["x"].mean == 0.9
    assert board.accuracies("a")["y"].questions == 9
    assert board.accuracies()["x"].mean == 0.5
    chosen = Leaderboard.read(tmp_path / "t.jsonl", experts=["y", "x"], split="train")
    assert chosen.experts == ("y", "x")


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        (rows("a", x=1), {}, "there are scores of 1"),
        (rows("a", x=1, y=1), {"experts": ["x"]}, "there are scores of 1"),
        (rows("a", x=1, y=1), {"experts": ["x", "z"]}, "no scores of 'z'"),
        (rows("a", x=1, y=1), {"split": "dev"}, "no row of the split 'dev'"),
        ([], {}, "has no row"),
    ],
)
def test_too_little_is_a_config_error(
    tmp_path: Path, table: list[dict[str, Any]], options: dict[str, Any], message: str
) -> None:
    """One expert, an unknown one, no rows."""
    with pytest.raises(ConfigError, match=message):
        Leaderboard.read(write_rows(tmp_path / "t.jsonl", table), **options)


def test_a_row_without_a_task_is_unusable(tmp_path: Path) -> None:
    """With its line."""
    path = write_rows(tmp_path / "t.jsonl", [{"query": "?", "score": {"x": 1, "y": 1}}])
    with pytest.raises(OutcomesUnusable, match="task"):
        Leaderboard.read(path)


@pytest.mark.parametrize(
    ("better", "worse", "expected"),
    [(0, 0, 1.0), (5, 5, 1.0), (6, 0, 0.03125), (1, 9, 0.021484375), (8, 3, 0.2265625)],
)
def test_the_sign_test_is_exact(better: int, worse: int, expected: float) -> None:
    """Against the binomial distribution's published values; equal scores do not count."""
    one = np.array([1.0] * better + [0.0] * worse + [0.5, np.nan])
    other = np.array([0.0] * better + [1.0] * worse + [0.5, 1.0])
    assert chance_apart(one, other) == pytest.approx(expected)
