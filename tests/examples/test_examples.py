"""Every example runs as it stands, in a fresh process, and says what it promises to say."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
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


@pytest.fixture
def display() -> Iterator[str]:
    """A virtual one."""
    if find_spec("tkinter") is None or not all(map(shutil.which, ("Xvfb", "import"))):
        pytest.skip("needs python3-tk, xvfb and imagemagick")
    command = ["Xvfb", "-displayfd", "1", "-screen", "0", "640x520x24", "-nolisten", "tcp"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
        assert server.stdout is not None
        yield f":{server.stdout.readline().decode().strip()}"
        server.terminate()


def _colours(display: str, path: Path) -> int:
    """Of a screenshot, which is left at `path`."""
    subprocess.run(["import", "-display", display, "-window", "root", path], check=True)
    told = subprocess.run(["identify", "-format", "%k", path], check=True, capture_output=True)
    return int(told.stdout)


def test_the_window_shows_the_answer_as_it_comes(display: str, tmp_path: Path) -> None:
    """On a virtual display; the screenshots stay in the test's folder."""
    pytest.importorskip("llama_cpp", reason="the extra `local` is not installed")
    places = {"XDG_CONFIG_HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}
    command = [sys.executable, str(HERE / "desktop_chat.py"), "Tell me a long story."]
    env = os.environ | places | {"DISPLAY": display}
    with subprocess.Popen(command, env=env, cwd=tmp_path) as window:
        end, last = time.monotonic() + 60, tmp_path / "window.png"
        seen: set[bytes] = set()
        while len(seen) < 3 and time.monotonic() < end and window.poll() is None:
            if _colours(display, last) > 2:
                seen.add(last.read_bytes())
            time.sleep(0.3)
        window.terminate()
    assert len(seen) >= 3, "the window did not change as an answer came"


def test_every_example_is_run_and_linked() -> None:
    """A new example is named here and in the README."""
    scripts = {one.name for one in HERE.glob("*.py") if not one.name.startswith("test_")}
    assert scripts == {command.split()[0] for command in SAID}
    readme = (HERE.parents[1] / "README.md").read_text()
    assert all(f"tests/examples/{script}" in readme for script in scripts)
