"""Streams that are closed, full or speak another encoding: in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fault_server import STREAM_HEAD, FaultServer, Peer, answer_json, piece

ANSWER = "Sure \U0001f44d \u2013 na\u00efve \u4f60."
ROUTE = ("route", "What is the capital of France?", "--artifact", "nowhere")  # an error, at once


def start(
    *argv: str,
    before: Callable[[], None] | None = None,
    stdout: int | None = subprocess.PIPE,
    text: bytes = b"",
    **variables: str,
) -> subprocess.CompletedProcess[bytes]:
    """One command; `before` runs in the child."""
    return subprocess.run(
        [sys.executable, "-m", "edge_router.cli", *argv],
        env=os.environ | variables, input=text, stdout=stdout, stderr=subprocess.PIPE,
        preexec_fn=before, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("closed", [(1,), (0, 1, 2)])
def test_a_closed_output_is_reported_before_an_expert_is_asked(closed: tuple[int, ...]) -> None:
    """In one line, where that can still be said."""
    result = start(*ROUTE, before=lambda: os.closerange(closed[0], closed[-1] + 1))
    assert result.returncode == 1
    assert b"Traceback" not in result.stderr
    assert (b"standard output is closed" in result.stderr) == (2 not in closed)


def test_errors_do_not_go_to_standard_output_where_the_other_is_closed() -> None:
    """`print(file=None)` would put them there."""
    result = start(*ROUTE, before=lambda: os.close(2))
    assert (result.returncode, result.stdout) == (1, b"")


@pytest.mark.parametrize("buffered", ["", "1"])
def test_a_full_output_is_reported(buffered: str) -> None:
    """Not by the interpreter as it ends, and help is no exception."""
    with Path("/dev/full").open("wb") as full:
        for argv in (("--help",), ("log", "--help")):
            result = start(*argv, stdout=full.fileno(), PYTHONUNBUFFERED=buffered)
            assert result.returncode == 1
            assert b"No space left on device" in result.stderr
            assert len(result.stderr.splitlines()) == 1


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """Where the settings of the test's cloud go."""
    return tmp_path / "config.toml"


def _answer(peer: Peer) -> None:
    if '"stream":true' in peer.request().replace(" ", ""):
        peer.send(STREAM_HEAD + piece(ANSWER, finish="stop"))
    else:
        choice = {"message": {"content": ANSWER}, "finish_reason": "stop"}
        peer.send(answer_json({"choices": [choice]}))


def test_an_answer_arrives_as_the_encoding_can_show_it(settings: Path) -> None:
    """For machines it is ASCII, and whole."""
    with FaultServer(_answer) as server:
        settings.write_text(
            '[experts.home]\nbackend = "openai"\nmodel = "m"\nprofile = "8b"\n'
            f'base_url = "{server.url}"\n'
        )
        argv = ("ask", "hi", "--config", str(settings))
        people = start(*argv, PYTHONIOENCODING="cp1252")
        machines = start(*argv, "--json", PYTHONIOENCODING="cp1252")
    assert people.returncode == 0
    assert people.stdout.decode("cp1252") == "Sure \\U0001f44d \u2013 na\u00efve \\u4f60.\n"
    assert b"home answered" in people.stderr
    assert json.loads(machines.stdout.decode("ascii"))["text"] == ANSWER


def test_a_bad_line_of_a_chat_is_one_bad_line(settings: Path) -> None:
    """The lines before and after are answered; a byte-order mark is no part of the first."""
    with FaultServer(_answer) as server:
        settings.write_text(
            '[experts.home]\nbackend = "openai"\nmodel = "m"\nprofile = "8b"\n'
            f'base_url = "{server.url}"\n'
        )
        text = b"\xef\xbb\xbfhello\ncaf\xe9\nagain\n"
        result = start("chat", "--config", str(settings), text=text, PYTHONIOENCODING="utf-8")
    assert result.returncode == 0
    assert result.stdout.decode().count(ANSWER) == 2
    assert b"not valid UTF-8" in result.stderr
    assert b"Traceback" not in result.stderr


def test_a_text_that_the_locale_cannot_decode_is_read_as_it_was_typed() -> None:
    """LC_ALL=C without Python's UTF-8 mode."""
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    result = start("route", "\u4f60\u597d?", **plain)
    assert (result.returncode, result.stdout) == (0, b"local\n")
