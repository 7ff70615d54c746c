"""The file to share."""

from __future__ import annotations

import getpass
import json
import platform
from pathlib import Path

import pytest

from edge_router.benchmarks.printers.reading import read_rows
from edge_router.benchmarks.rows.submission import submission
from made_rows import made_row


def test_no_path_and_no_name_is_left(tmp_path: Path) -> None:
    """Whatever an error or a setting held."""
    message = f"OSError: {Path.home()}/models/x.gguf and C:\\Users\\me\\x.gguf on {platform.node()}"
    row = made_row(
        [], settings={"model": "~/private/x.gguf"}, error=f"{message}, {getpass.getuser()}"
    )
    text = submission([row])
    result = json.loads(text)
    assert "gguf" not in text
    assert result["error"].startswith("OSError: (hidden) and (hidden) on ")
    path = tmp_path / "rows.jsonl"
    path.write_text(text)
    assert len(read_rows(path)) == 1


@pytest.mark.parametrize("text", ["3 /s", "5/6 cells", "and/or", "CPython 3.11.2", "a: b"])
def test_what_only_looks_like_a_path_stays(text: str) -> None:
    """A unit, a fraction, a version."""
    row = made_row(error=text)
    assert json.loads(submission([row]))["error"] == text
