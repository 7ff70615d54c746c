"""Every example runs as it stands, in a fresh process, and says what it promises to say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SAID = {
    "embed.py": ["local: "],
    "desktop_chat.py --no-window": ["[local, cancelled]"],
    "enrol_a_model.py": ["my-model.json", "expected of mine"],
    "tool_loop.py": [
        "small then large: 4 answers, 3 calls, 3 failed",
        "goes on with the tool loop",
    ],
    "csv_to_router.py": ["300 rows, 2 experts", "with 95 % confidence", "local: "],
}


@pytest.mark.parametrize("command", SAID)
def test_an_example_runs(command: str, tmp_path: Path) -> None:
    """Without settings, learned files or a network."""
    if command.startswith(("embed", "desktop")):
        pytest.importorskip("llama_cpp", reason="the extra `local` is not installed")
    script, *options = command.split()
    done = subprocess.run(
        [sys.executable, str(HERE / script), *options],
        env=os.environ | {"XDG_CONFIG_HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)},
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for words in SAID[command]:
        assert words in done.stdout


def test_every_example_is_run_and_linked() -> None:
    """A new example is named here and in the README."""
    scripts = {path.name for path in HERE.glob("*.py")} - {Path(__file__).name}
    assert scripts == {command.split()[0] for command in SAID}
    readme = (HERE.parents[1] / "README.md").read_text()
    assert all(f"tests/examples/{script}" in readme for script in scripts)
