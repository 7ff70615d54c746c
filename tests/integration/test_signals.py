"""Ctrl-C and SIGTERM end every command soon, with their exit code and without a word too many."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

SOON_S = 5.0  # generous: the machine may be loaded; what it must not be is the answer's own time
COMMANDS = {
    "ask a server": ["ask", "hi", "--config", "{folder}/hangs.toml"],
    "chat": ["chat", "--config", "{folder}/hangs.toml"],
    "route a batch": ["route", "--json", "--batch", "{folder}/batch.jsonl"],
    "enroll": ["enroll", "cloud", "--run", "5", "--config", "{folder}/hangs.toml"],
    "bench": ["bench", "latency", "--repetitions", "100000"],
}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Settings whose server accepts and never answers, and a batch of half a minute."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        tmp_path.joinpath("hangs.toml").write_text(
            '[experts.cloud]\nbackend = "openai"\nmodel = "m"\nprofile = "frontier"\n'
            f'base_url = "http://127.0.0.1:{server.getsockname()[1]}/v1"\n'
        )
        tmp_path.joinpath("batch.jsonl").write_text('{"query": "What is rain?"}\n' * 50_000)
        yield tmp_path


def _heed_ctrl_c() -> None:
    """Background jobs of a shell are started deaf to it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_signal_ends_a_command(
    command: str, number: signal.Signals, code: int, folder: Path
) -> None:
    """In order, and soon."""
    words = [word.format(folder=folder) for word in COMMANDS[command]]
    output = folder / "output"
    with output.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "edge_router.cli", *words],
            stdin=subprocess.PIPE, stdout=out, stderr=subprocess.PIPE,
            env=os.environ | {"XDG_DATA_HOME": str(folder / "data")},
            preexec_fn=_heed_ctrl_c,  # noqa: PLW1509 - no thread runs yet
        )  # fmt: skip
        try:
            if command == "chat":
                assert process.stdin is not None
                process.stdin.write(b"hello\n")
                process.stdin.flush()
            time.sleep(4.0)  # until it is at work
            assert process.poll() is None, "it ended by itself"
            started = time.monotonic()
            process.send_signal(number)
            if command == "chat" and number == signal.SIGINT:  # ends the turn; once more, the chat
                time.sleep(1.0)
                assert process.poll() is None
                process.send_signal(number)
            _, said = process.communicate(timeout=30)
        finally:
            process.kill()
            process.wait()
    assert process.returncode == code
    assert time.monotonic() - started < SOON_S
    for mark in (b"Traceback", b"Exception ignored"):
        assert mark not in said
    shown = output.read_bytes()
    assert not shown or shown.endswith(b"\n") or command == "route a batch"
