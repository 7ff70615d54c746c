"""TaskList: read from files of three kinds and from outcome tables; what is none is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge_router.errors import ConfigError
from edge_router.tasks.task_list import Task, TaskList

OPS = ("Log Analysis", "Wired Network")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.txt", "Log Analysis\n\n  Wired Network \n"),
        ("t.json", json.dumps(OPS)),
        ("t.json", json.dumps({"tasks": [{"name": OPS[0], "description": "d"}, OPS[1]]})),
        ("t.toml", '[[task]]\nname = "Log Analysis"\n[[task]]\nname = "Wired Network"\n'),
    ],
)
def test_a_list_is_read_from_a_file(tmp_path: Path, name: str, content: str) -> None:
    """Text, JSON and TOML, in the order of the file."""
    path = tmp_path / name
    path.write_text(content)
    assert TaskList.read(path).names == OPS


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.txt", "only one\n", "2 to 1,000 tasks, this one has 1"),
        ("t.txt", "", "this one has 0"),
        ("t.txt", "a\nA\n", "'a' and 'A' have one name"),
        ("t.txt", "a\nUnknown\n", "it stands for no task"),
        ("t.txt", "a\n**b**\n", "none of *[]"),
        ("t.txt", "a\n" + "b" * 121, "has 121 characters"),
        ("t.txt", "\n".join(f"t{n}" for n in range(1001)), "this one has 1001"),
        ("t.json", "{", "is not JSON"),
        ("t.json", '{"task": []}', "must hold a list of tasks"),
        ("t.json", '[{"title": "a"}, "b"]', "is no task"),
        ("t.json", '[3, "b"]', "is no task"),
        ("t.json", '["\\ud800", "b"]', "must be a text"),
        ("t.toml", "[[task]", "t.toml"),
        ("t.toml", "a = 1", "[[task]] tables"),
    ],
)
def test_what_is_no_task_list_is_refused_with_the_file(
    tmp_path: Path, name: str, content: str, message: str
) -> None:
    """A ConfigError that names the file and the fault."""
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(ConfigError) as refused:
        TaskList.read(path)
    assert message in str(refused.value)
    assert name in str(refused.value)


def test_a_missing_file_is_a_config_error(tmp_path: Path) -> None:
    """As for every file that a user names."""
    with pytest.raises(ConfigError):
        TaskList.read(tmp_path / "none.txt")


def test_tasks_are_added_and_removed_as_values() -> None:
    """The list itself is frozen; two tasks must be left."""
    first = TaskList.of(OPS)
    grown = first.adding(Task("Oracle", "databases"))
    assert (first.names, grown.names) == (OPS, (*OPS, "Oracle"))
    assert grown.without("Oracle") == first
    assert grown.tasks[2].line == "Oracle: databases"
    for wrong in (lambda: first.without(OPS[0]), lambda: first.without("none")):
        with pytest.raises(ConfigError):
            wrong()


def test_a_name_is_known_by_its_letters() -> None:
    """Case and blanks do not count, a part of a name is none."""
    tasks = TaskList.of(OPS)
    assert tasks.named(" log  ANALYSIS ") == "Log Analysis"
    assert tasks.named("Log") is None
    assert TaskList.of_json(tasks.to_json()) == tasks
