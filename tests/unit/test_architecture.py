"""The rooms keep their order, their size and their distance."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_architecture_is_as_it_should_be() -> None:
    """Entries, files, lines, circles, chains and arrows: python -m tests.architecture tells."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.architecture"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    faults = [line for line in done.stdout.splitlines() if line.startswith("FAULT")]
    assert faults == []
    assert done.returncode == 0, done.stderr
    assert "arrows that climb: 0" in done.stdout
