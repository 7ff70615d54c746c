"""Every command that reads a table, given files that are none: one line, an exit code, no wait."""

from __future__ import annotations

import gzip
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="devices, pipes, RLIMIT_AS")

MEMORY = 3 * 2**30  # of addresses: what is mapped counts, so the encoder's threads too
SECONDS = 60
ROW = {"query": "Why?", "score": {"135m": 1, "frontier": 1}}
COMMANDS: Mapping[str, list[str]] = {
    "calibrate": ["calibrate", "--weak", "135m", "--strong", "frontier", "--target",
                  "strong_calls<=0.9", "--outcomes", "FILE"],
    "enroll": ["enroll", "mine", "--expert", "frontier", "--outcomes", "FILE"],
    "drift": ["drift", "FILE"],
    "jsonl": ["export", "import", "jsonl", "FILE", "--out", "OUT"],
    "csv": ["export", "import", "csv", "FILE", "--out", "OUT"],
    "alpacaeval": ["export", "import", "alpacaeval", "FILE", "--out", "OUT"],
    "llmrouter": ["export", "import", "llmrouter", "FILE", "--out", "OUT"],
    "texts": ["export", "import", "routereval", "scores.npz", "--texts", "FILE", "--out", "OUT"],
}  # fmt: skip


def content(data: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(data)


def line(value: object) -> Callable[[Path], object]:
    return content(json.dumps(value).encode() + b"\n")


FILES: Mapping[str, Callable[[Path], object]] = {
    "pipe": os.mkfifo,
    "endless device": lambda path: path.symlink_to("/dev/zero"),
    "terminal": lambda path: path.symlink_to("/dev/tty"),
    "loop": lambda path: path.symlink_to(path),
    "folder": lambda path: path.mkdir(),
    "nothing": lambda _: None,
    "empty": content(b""),
    "a line of a gigabyte": lambda path: (path.touch(), os.truncate(path, 2**30)),
    "gzip bomb": content(gzip.compress(b"\0" * 2**26, 9) * 30),
    "gzip bomb of rows": content(gzip.compress(json.dumps(ROW).encode() * 2**20, 9) * 10),
    "half a gzip file": content(gzip.compress(json.dumps(ROW).encode())[:-9]),
    "deep": content(b"[" * 10**6),
    "deep objects": content(b'{"query":' * 10**5),
    "huge number": line(ROW | {"score": {"frontier": 10**400, "135m": 1}}),
    "hugest number": content(b'{"query": "a", "score": {"frontier": ' + b"9" * 10**5 + b"}}"),
    "list for a map": line(ROW | {"score": [1, 0]}),
    "texts for numbers": line(ROW | {"score": {"frontier": "good", "135m": "bad"}}),
    "UTF-16": content((json.dumps(ROW) + "\n").encode("utf-16")),
    "binary": content(bytes(range(256)) * 100),
}


EACH = """
import contextlib, io, json, sys
from edge_router.cli.main import main
for words in json.load(sys.stdin):
    told = io.StringIO()
    with contextlib.redirect_stderr(told), contextlib.redirect_stdout(io.StringIO()):
        code = main(words)
    print(json.dumps([code, told.getvalue()]))
"""


def outputs_of(folder: Path, commands: list[list[str]]) -> list[tuple[int, str]]:
    """Exit code and standard error of each, one after another in one process."""
    words = [
        [{"FILE": "hostile.jsonl", "OUT": "out.jsonl"}.get(word, word) for word in command]
        for command in commands
    ]
    done = subprocess.run(
        [sys.executable, "-c", EACH], cwd=folder, capture_output=True, text=True, check=False,
        env=os.environ | {"XDG_DATA_HOME": str(folder / "data"), "HOME": str(folder)},
        input=json.dumps(words), timeout=SECONDS * len(commands),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY)),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("kind", FILES)
def test_a_table_that_is_none(tmp_path: Path, kind: str) -> None:
    """By all commands; each names the file."""
    np.savez(tmp_path / "scores.npz", Y=np.eye(2))
    FILES[kind](tmp_path / "hostile.jsonl")
    result = outputs_of(tmp_path, list(COMMANDS.values()))
    for name, (code, message) in zip(COMMANDS, result, strict=True):
        assert code in (1, 2), (name, message)
        last = message.strip().splitlines()[-1]
        assert last.startswith("edge-router"), (name, message)
        assert len(last) < 1000
        assert "hostile.jsonl" in last or "too few to tell" in last, (name, message)


def test_rows_of_windows_are_rows(tmp_path: Path) -> None:
    """With a byte-order mark, and lines that end in its way."""
    rows = [
        {"query": f"What is {n} plus {n}?", "score": {"135m": n % 2, "frontier": 1}}
        for n in range(60)
    ]
    text = "".join(json.dumps(row) + "\r\n" for row in rows)
    (tmp_path / "hostile.jsonl").write_bytes(b"\xef\xbb\xbf" + text.encode())
    names = ("calibrate", "enroll", "drift", "jsonl")
    result = outputs_of(tmp_path, [COMMANDS[name] for name in names])
    assert [code for code, _ in result] == [0] * 4, result
