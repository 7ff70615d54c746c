"""Code blocks of Markdown documents, and a place to run them in as their reader would."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx

__all__ = ["SETS_UP", "blocks_of", "environment", "files_of", "served"]

SETS_UP = re.compile(r"-m venv|pip install|pytest|^ollama |^llama-server ")  # is not run

WRITTEN = re.compile(r"In `(?:[^`\s]*/)?([\w.]+)`(?:(?!```).)*```\w+\n(.*?)```", re.DOTALL)


def blocks_of(document: Path) -> list[tuple[str, str]]:
    """Language and text of each block, in order."""
    return re.findall(r"```(\w*)\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL)


def files_of(document: Path) -> dict[str, str]:
    """The file's name by block, of those that their reader writes: "In `name`" stands before."""
    text = document.read_text(encoding="utf-8")
    return {block: name for name, block in WRITTEN.findall(text)}


def environment(home: Path) -> dict[str, str]:
    """An environment with this interpreter's commands first on the path and no user settings."""
    scripts = str(Path(sys.executable).parent)
    return os.environ | {
        "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home),
        "XDG_DATA_HOME": str(home),
        "LLM_USER_PATH": str(home),
        "NO_PROXY": "127.0.0.1",
    }


@contextlib.contextmanager
def served(command: str, variables: Mapping[str, str], *, place: str) -> Iterator[None]:
    """A server that `command` starts, ready at `place`, until the end."""
    process = subprocess.Popen(shlex.split(command), env=variables)
    try:
        for _ in range(600):
            with contextlib.suppress(httpx.TransportError):
                httpx.get(f"http://{place}/readyz", trust_env=False)
                break
            assert process.poll() is None, "the server ended"
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(30)
