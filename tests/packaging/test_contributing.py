"""CONTRIBUTING.md and its neighbours: the files they name exist, the ten answers are in them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text()
ANSWERS = re.findall(r"^\| (.+\?) \| .+ \| `(\S+)` \| `(.+)` \|$", TEXT, re.MULTILINE)
TOPS = ("edge_router/", "export/", "benchmarks/", "tests/")


def test_ten_questions_are_answered() -> None:
    """The table is read as it is written."""
    assert len(ANSWERS) == 10


@pytest.mark.parametrize(("question", "file", "word"), ANSWERS)
def test_the_answer_is_where_it_is_said_to_be(question: str, file: str, word: str) -> None:
    """The file exists and mentions the subject."""
    assert word in (ROOT / file).read_text(), question


@pytest.mark.parametrize("document", ["CONTRIBUTING.md", "SECURITY.md", "README.md"])
def test_every_path_in_a_document_exists(document: str) -> None:
    """Paths in backticks and in links, but for those with a placeholder."""
    text = (ROOT / document).read_text()
    stated = {*re.findall(r"`([\w./]+)`", text), *re.findall(r"\]\(([\w./-]+)\)", text)}
    paths = [path for path in stated if path.startswith(TOPS) or path.endswith(".md")]
    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_every_room_is_named() -> None:
    """Each entry of the package but its front door and the fakes is in both maps."""
    readme = (ROOT / "README.md").read_text()
    for entry in (ROOT / "edge_router").iterdir():
        if entry.is_dir() and not entry.name.startswith("_"):
            assert f"`edge_router/{entry.name}/`" in TEXT
            assert f"`{entry.name}/`" in readme
