"""Every code block of the README is executed."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from documents import SETS_UP, blocks_of, environment, served

ROOT = Path(__file__).parents[2]
BLOCKS = blocks_of(ROOT / "README.md")
SERVE, PLACE = "edge-router serve", "127.0.0.1:11435"


def blocks(language: str) -> list[str]:
    """The README's blocks of one language, in order."""
    return [text for result, text in BLOCKS if result == language]


def test_the_readme_is_short_and_every_block_has_a_test() -> None:
    """Under 200 lines; a block in another language would go untested."""
    assert len((ROOT / "README.md").read_text().splitlines()) < 200
    assert {language for language, _ in BLOCKS} <= {"sh", "python", "toml", "console"}


@contextlib.contextmanager
def server_of(block: str, tmp_path: Path) -> Iterator[None]:
    """The server that a block talks to, where it talks to one."""
    if PLACE not in block:
        yield
        return
    for part in ("uvicorn", "starlette", "openai", "llm"):
        pytest.importorskip(part, reason=f"{part} is not installed")
    if shutil.which("llm", path=environment(tmp_path)["PATH"]) is None:
        pytest.skip("the command llm is not on the path")
    with served(SERVE, environment(tmp_path), place=PLACE):
        yield


@pytest.mark.parametrize("block", blocks("python"), ids=lambda block: block.splitlines()[0])
def test_python_blocks_run(block: str, tmp_path: Path) -> None:
    """As they stand, in a fresh process."""
    pytest.importorskip("llama_cpp", reason="the extra `local` is not installed")
    with server_of(block, tmp_path):
        result = subprocess.run(
            [sys.executable, "-W", "error", "-c", block],
            cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("block", blocks("sh"), ids=lambda block: block.splitlines()[0])
def test_shell_blocks_run(block: str, tmp_path: Path) -> None:
    """Command by command; those that set up or start the tests are what .ci/run itself runs."""
    pytest.importorskip("llama_cpp", reason="the extra `local` is not installed")
    with server_of(block, tmp_path):
        for command in block.replace(" && ", "\n").splitlines():
            if SETS_UP.search(command) or command.startswith(SERVE):
                continue
            result = subprocess.run(
                ["bash", "-ec", command.replace(".venv/bin/", "")],
                cwd=ROOT, env=environment(tmp_path), capture_output=True, text=True, check=False,
                stdin=subprocess.DEVNULL,
            )  # fmt: skip
            assert result.returncode == 0, f"{command}\n{result.stderr}"


@pytest.mark.parametrize("block", blocks("toml"), ids=lambda block: block.splitlines()[0])
def test_settings_blocks_load(block: str, tmp_path: Path) -> None:
    """Every setting that the README shows is known."""
    from edge_router import Config

    (tmp_path / "config.toml").write_text(block)
    assert Config.load(tmp_path / "config.toml").experts


@pytest.mark.parametrize("block", blocks("console"), ids=lambda block: block.splitlines()[0])
def test_transcripts_are_what_the_commands_print(block: str, tmp_path: Path) -> None:
    """Each `$ command` is run and gives the lines under it; `...` stands for anything."""
    pytest.importorskip("llama_cpp", reason="the extra `local` is not installed")
    for command, printed in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE):
        result = subprocess.run(
            ["bash", "-ec", f"{command} 2>&1"],
            cwd=ROOT, env=environment(tmp_path), capture_output=True, text=True, check=False,
        )  # fmt: skip
        pattern = re.escape(printed.strip()).replace(r"\.\.\.", ".*")
        assert re.fullmatch(pattern, result.stdout.strip(), re.DOTALL), result.stdout
