"""The shipped artifact, changed 400 times and signed again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "made" / "artifact_fuzz.py"


@pytest.mark.slow
def test_whatever_is_changed_nothing_but_an_artifact_error_is_raised() -> None:
    """Loaded and used within 2 GiB, each in a moment."""
    command = [sys.executable, "-W", "ignore", str(SCRIPT), "7", "400"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    result = json.loads(done.stdout)
    assert result["wrong"] == []
    assert result["slowest_s"] < 5
