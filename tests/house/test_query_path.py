"""A query runs through few files, so that a reader can follow it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MOST_UNTIL_ASKED, MOST_UNTIL_SENT, MOST_FILES = 22, 26, 30


@pytest.mark.parametrize("options", [[], ["--stream"]])
def test_a_query_runs_through_few_files(options: list[str]) -> None:
    """From `complete` or `stream` to the answer: python -m tests.query_path prints them."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.query_path", *options],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    asked, sent, files = (int(line.rpartition(" ")[2]) for line in done.stdout.splitlines()[-3:])
    assert asked <= MOST_UNTIL_ASKED, done.stdout
    assert sent <= MOST_UNTIL_SENT, done.stdout
    assert files <= MOST_FILES, done.stdout
