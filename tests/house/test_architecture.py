"""The rooms keep their order, their size and their distance."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests import architecture

ROOT = Path(__file__).parents[2]


def test_the_architecture_is_as_it_should_be() -> None:
    """`python -m tests.architecture` checks entries, files, lines, circles, chains and arrows."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.architecture"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    faults = [line for line in done.stdout.splitlines() if line.startswith("FAULT")]
    assert faults == []
    assert done.returncode == 0, done.stderr
    assert "arrows that climb: 0" in done.stdout


def test_every_package_is_installed() -> None:
    """setuptools is told each folder by name; one that is left out is missing in the wheel only."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    roots = {ROOT / folder: name for name, folder in settings["package-dir"].items()}
    packages = {
        ".".join([name, *found.parent.relative_to(root).parts])
        for root, name in roots.items()
        for found in root.rglob("__init__.py")
    }
    assert packages == set(settings["packages"])


def test_a_coming_room_raises_the_limit_of_entries_and_no_other_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Twelve entries, and one for each of server, agents and tasks that exists."""
    others = [f"room{number}" for number in range(12)]
    for rooms, most in (([], 12), (["server"], 13), (["agents", "server", "tasks"], 15)):
        monkeypatch.setattr(architecture, "entries", lambda _, rooms=rooms: others + rooms)
        assert architecture.most_entries("edge_router") == most
