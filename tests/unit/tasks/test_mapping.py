"""TaskExpertMapping: equations 5 and 8, editing by hand, warnings, and its file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_router.errors import ConfigError
from edge_router.tasks.leaderboard import Leaderboard
from edge_router.tasks.mapping import TaskExpertMapping
from edge_router.tasks.task_list import UNKNOWN


def board(right: dict[str, dict[str, int]], count: int = 40) -> Leaderboard:
    """By task and expert, how many of `count` questions are right."""
    experts = tuple(dict.fromkeys(name for one in right.values() for name in one))
    scores, tasks = [], []
    for task, one in right.items():
        for n in range(count):
            scores.append([float(n < one[name]) if name in one else np.nan for name in experts])
            tasks.append(task)
    return Leaderboard(experts, np.array(tasks), np.array(scores))


CLEAR = {"law": {"x": 35, "y": 10}, "maths": {"x": 5, "y": 30}, "art": {"x": 20, "y": 19}}


def test_each_task_goes_to_its_most_accurate_expert() -> None:
    """And the unknown to the best on average over all questions (60 of 120 against 59)."""
    mapping = TaskExpertMapping.of(board(CLEAR), source="made")
    assert {task: mapping.of_task(task).expert for task in mapping.tasks} == {
        "law": "x",
        "maths": "y",
        "art": "x",
    }
    assert mapping.unknown.expert == "x"
    assert mapping.of_task("never heard of").expert == "x"
    assert mapping.of_task("maths").order == ("y", "x")


def test_experts_that_cannot_be_told_apart_are_warned_of() -> None:
    """By task, with their names; a clear difference is not."""
    warnings = TaskExpertMapping.of(board(CLEAR)).warnings
    assert "art: x cannot be told apart from y" in warnings
    assert not any(line.startswith(("law", "maths")) for line in warnings)
    same = board({"law": {"x": 35, "y": 10}, "maths": {"x": 30, "y": 5}})
    assert "every task goes to x: nothing is gained by routing" in (
        TaskExpertMapping.of(same).warnings
    )


def test_an_expert_without_scores_on_a_task_is_not_chosen_for_it() -> None:
    """Its average stands in where the task is only known in probability."""
    mapping = TaskExpertMapping.of(board({"law": {"x": 10}, "maths": {"x": 5, "y": 30}}))
    assert mapping.of_task("law").expert == "x"
    assert mapping.of_task("law").order == ("x",)
    expected = mapping.expected({"law": 0.5, "maths": 0.5})
    assert expected["y"] == pytest.approx(0.5 * 0.75 + 0.5 * 0.75)
    assert any("not scored on the same questions" in line for line in mapping.warnings) is False


def test_the_expected_accuracy_weighs_tasks_by_their_probability() -> None:
    """A sure task gives its own accuracies."""
    mapping = TaskExpertMapping.of(board(CLEAR))
    assert mapping.expected({"law": 1.0})["x"] == pytest.approx(35 / 40)
    half = mapping.expected({"law": 0.5, "maths": 0.5})
    assert half["x"] == pytest.approx((35 + 5) / 80)
    unsure = mapping.expected({"law": 0.5})
    assert unsure["x"] == pytest.approx((35 / 40 + 60 / 120) / 2)


def test_it_is_edited_by_hand_and_survives_its_file() -> None:
    """The accuracies stay; the changed task says so."""
    mapping = TaskExpertMapping.of(board(CLEAR), source="made").with_expert("law", "y")
    again = TaskExpertMapping.of_json(json.loads(json.dumps(mapping.to_json())))
    assert again.of_task("law").expert == "y"
    assert again.of_task("law").is_by_hand
    assert not again.of_task("maths").is_by_hand
    assert again.source == "made"
    assert again.with_expert(UNKNOWN, "y").unknown.expert == "y"


@pytest.mark.parametrize(("task", "expert"), [("none", "x"), ("law", " ")])
def test_a_wrong_edit_is_refused(task: str, expert: str) -> None:
    """An unknown task, an expert without a name."""
    with pytest.raises(ConfigError):
        TaskExpertMapping.of(board(CLEAR)).with_expert(task, expert)


def test_experts_are_called_as_the_settings_call_them() -> None:
    """Everywhere in it; two of one name are refused."""
    mapping = TaskExpertMapping.of(board(CLEAR)).renamed({"x": "local"})
    assert mapping.of_task("law").expert == "local"
    assert mapping.of_task("art").level_with == ("y",)
    assert mapping.experts == ("local", "y")
    for names in ({"z": "local"}, {"x": "y"}):
        with pytest.raises(ConfigError):
            TaskExpertMapping.of(board(CLEAR)).renamed(names)


@pytest.mark.parametrize(
    "damage",
    [
        lambda made: made.pop("by_task"),
        lambda made: made["by_task"].clear(),
        lambda made: made["by_task"]["law"].update(expert=3),
        lambda made: made["by_task"]["law"]["accuracies"]["x"].update(mean=7),
        lambda made: made.update(unknown=None),
    ],
)
def test_a_damaged_file_is_refused(damage: Any) -> None:
    """As one of the faults that a reader of stored JSON turns into its own error."""
    made = TaskExpertMapping.of(board(CLEAR)).to_json()
    damage(made)
    with pytest.raises((ValueError, TypeError, LookupError, AttributeError)):
        TaskExpertMapping.of_json(made)


def test_reading_a_table_and_mapping_it_is_one_step(tmp_path: Path) -> None:
    """What the command does."""
    path = tmp_path / "t.jsonl"
    path.write_text(
        "".join(
            json.dumps({"query": f"{n}?", "task": t, "score": {"a": 1 - t_, "b": t_}}) + "\n"
            for n in range(12)
            for t, t_ in (("one", 0), ("two", 1))
        )
    )
    mapping = TaskExpertMapping.of(Leaderboard.read(path))
    assert {t: mapping.of_task(t).expert for t in mapping.tasks} == {"one": "a", "two": "b"}
    assert mapping.warnings == ("unknown: a cannot be told apart from b",)
