"""ask and chat --continue: the last conversation, where it lies and where it may not go."""

from __future__ import annotations

import errno
import json
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from command_line import run
from edge_router.cli.talking import last_conversation
from fault_server import STREAM_HEAD, FaultServer, Peer, piece

Asked = Callable[..., tuple[int, str, str]]
Heard = list[list[dict[str, str]]]
EXPERT = '[experts.a]\nbackend = "openai"\nmodel = "m"\nprofile = "3b"\n'
ELSEWHERE = 'location = "cloud"\n'


@pytest.fixture
def heard() -> Heard:
    """The messages of each request that a server got."""
    return []


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str], tmp_path: Path, heard: Heard) -> Iterator[Asked]:
    """Runs a command with an expert that says "Hello.", settings before and after its table."""

    def script(peer: Peer) -> None:
        if body := peer.request().partition("\r\n\r\n")[2]:
            heard.append(json.loads(body)["messages"])
            peer.send(STREAM_HEAD + piece("Hello.") + piece(finish="stop") + "data: [DONE]\n\n")

    with FaultServer(script) as server:
        table = f"{EXPERT}base_url = '{server.url}'\n"

        def asked(*argv: str, before: str = "", after: str = "") -> tuple[int, str, str]:
            first = f"[router]\ndata_dir = '{tmp_path}/state'\n"
            (tmp_path / "c.toml").write_text(f"{before}\n{first}{table}{after}")
            return run(capsys, *argv, "--config", str(tmp_path / "c.toml"))

        yield asked


def contents(messages: list[dict[str, str]]) -> list[str]:
    return [one["content"] for one in messages]


def test_a_conversation_goes_on(ask: Asked, heard: Heard, tmp_path: Path) -> None:
    """From ask to ask, in a file that only its owner may read, beginning anew without -c."""
    assert ask("ask", "One")[0] == 0
    assert ask("ask", "-c", "Two", "words", "--system", "Be brief.")[0] == 0
    assert ask("ask", "--continue", "Three")[0] == 0
    assert contents(heard[1]) == ["Be brief.", "One", "Hello.", "Two words"]
    assert contents(heard[2]) == ["One", "Hello.", "Two words", "Hello.", "Three"]
    file = tmp_path / "state" / "last-conversation.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    ask("ask", "Anew")
    assert len(json.loads(file.read_text())["messages"]) == 2


def test_chat_goes_on_with_what_ask_began(
    ask: Asked, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And ask with what chat said."""
    ask("ask", "One")
    lines = iter(["Two", "/exit"])
    monkeypatch.setattr("builtins.input", lambda _="": next(lines))
    assert ask("chat", "-c")[0] == 0
    ask("ask", "-c", "Three")
    assert contents(heard[-1]) == ["One", "Hello.", "Two", "Hello.", "Three"]


def test_without_one_nothing_goes_on(ask: Asked, heard: Heard, tmp_path: Path) -> None:
    """An error that says what to do: for none, for one that is not kept, for a broken file."""
    code, _, err = ask("ask", "-c", "One")
    assert (code, heard) == (1, [])
    assert "there is no conversation to continue" in err
    ask("ask", "One")
    (tmp_path / "state" / "last-conversation.json").write_text('{"messages": [{"role": "king"}]}')
    code, _, err = ask("ask", "-c", "Three")
    assert code == 1
    assert "delete it" in err


def test_it_is_not_kept_where_the_settings_say_so(
    ask: Asked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """keep_conversation = false writes no file, and -c says why there is nothing."""
    monkeypatch.setenv("EDGE_ROUTER_KEEP_CONVERSATION", "false")
    assert ask("ask", "One")[0] == 0
    assert not (tmp_path / "state").exists()
    code, _, err = ask("ask", "-c", "Two")
    assert code == 1
    assert "keep_conversation = false" in err


def test_what_is_private_by_the_settings_is_in_no_file(ask: Asked, tmp_path: Path) -> None:
    """Nor what was said before in that conversation; by open settings it is kept."""
    file, text = tmp_path / "state" / "last-conversation.json", "Write to ann@example.org"
    ask("ask", text, after=ELSEWHERE)
    assert "ann@example.org" in file.read_text()
    code, _, err = ask("ask", text, before='privacy.cloud = "redact"', after=ELSEWHERE)
    assert code == 0, err
    assert not file.exists()
    assert "not kept for --continue: something private is in it" in err


def test_what_had_to_stay_here_stays_here(ask: Asked, heard: Heard) -> None:
    """Going on without the option that kept it here sends it nowhere."""
    assert ask("ask", "One", "--placement", "only_on_device")[0] == 0
    code, _, _ = ask("ask", "-c", "Two", after=ELSEWHERE)
    assert code == 1
    assert len(heard) == 1


def test_an_answer_that_failed_is_not_said(ask: Asked, tmp_path: Path) -> None:
    """The conversation before it is the last one still."""
    ask("ask", "One")
    before = (tmp_path / "state" / "last-conversation.json").read_text()
    assert ask("ask", "-c", "Two", "--offline", after=ELSEWHERE)[0] == 1
    assert (tmp_path / "state" / "last-conversation.json").read_text() == before


def test_a_folder_that_cannot_be_written_costs_no_answer(ask: Asked, tmp_path: Path) -> None:
    """A line says that the conversation is not kept."""
    (tmp_path / "state").write_text("a file")
    code, out, err = ask("ask", "One")
    assert (code, out) == (0, "Hello.\n")
    assert "not kept for --continue" in err


def test_a_full_disk_leaves_no_older_conversation(
    ask: Asked, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What had to stay here would go on in one that need not."""
    assert ask("ask", "One")[0] == 0

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(last_conversation, "write_atomically", full)
        code, _, err = ask("ask", "Two", "--placement", "only_on_device")
    assert (code, "No space left" in err) == (0, True)
    assert "no conversation to continue" in ask("ask", "-c", "Three", after=ELSEWHERE)[2]
    assert len(heard) == 2
