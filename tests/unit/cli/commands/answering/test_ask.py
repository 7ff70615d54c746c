"""edge-router ask: words without quotes, what is piped in, a system message."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest

from command_line import run
from edge_router.cli.options import query_of
from edge_router.errors import InvalidRequest
from fault_server import STREAM_HEAD, FaultServer, Peer, piece

SETTINGS = """
[experts.{name}]
backend = "openai"
model = "m"
profile = "3b"
base_url = "{url}"
"""

PRICED = """
location = "cloud"
input_usd_per_million = 1000.0
output_usd_per_million = 1000.0
[budget.callers.phone]
usd_per_day = 0.000001
"""

Type = Callable[[bytes], None]


@pytest.fixture
def piped(monkeypatch: pytest.MonkeyPatch) -> Iterator[Type]:
    """Standard input is a pipe that holds a text."""
    opened: list[IO[str]] = []

    def pipe(text: bytes) -> None:
        end, start = os.pipe()
        os.write(start, text)
        os.close(start)
        opened.append(os.fdopen(end))
        monkeypatch.setattr("sys.stdin", opened[-1])

    yield pipe
    for file in opened:
        file.close()


@pytest.mark.parametrize(
    ("words", "text", "query"),
    [
        (["What", "is", "it?"], b"", "What is it?"),
        (["Sum it up."], b"A long text.\n\n", "A long text.\n\nSum it up."),
        ([], b"A text alone.\n", "A text alone."),
        (["-"], b"all of it\n", "all of it\n"),
        (["a", "-", "b"], b"", "a - b"),
    ],
)
def test_what_is_piped_in_comes_first(
    words: list[str], text: bytes, query: str, piped: Type
) -> None:
    """Then the words, as a user types them."""
    piped(text)
    assert query_of(words) == query


def test_nothing_is_no_query(piped: Type) -> None:
    """Said, not sent."""
    piped(b" \n")
    with pytest.raises(InvalidRequest, match="give a query"):
        query_of([" "])


def test_the_rest_of_a_file_belongs_to_the_loop_that_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`while read line; do edge-router ask "$line"; done < file`; from its beginning it is ours."""
    (tmp_path / "file").write_text("one\ntwo\n")
    with (tmp_path / "file").open("rb", buffering=0) as file:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BufferedReader(file)))
        assert query_of(["Sum"]) == "one\ntwo\n\nSum"
        os.lseek(file.fileno(), 4, os.SEEK_SET)
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BufferedReader(file)))
        assert query_of(["Sum"]) == "Sum"


@pytest.mark.parametrize("missing", [None, io.StringIO("replaced")])
def test_a_program_without_an_input_of_its_own_is_asked_nothing(
    missing: io.StringIO | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Closed, or another program's object."""
    monkeypatch.setattr("sys.stdin", missing)
    assert query_of(["Hi"]) == "Hi"


def said_to(peers: list[list[dict[str, str]]]) -> Callable[[Peer], None]:
    """A server that notes the messages and says hello."""

    def script(peer: Peer) -> None:
        body = peer.request().partition("\r\n\r\n")[2]
        if body:
            peers.append(json.loads(body)["messages"])
            peer.send(STREAM_HEAD + piece("Hello.") + piece(finish="stop") + "data: [DONE]\n\n")

    return script


def test_a_system_message_goes_first(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Before words that need no quotes."""
    heard: list[list[dict[str, str]]] = []
    with FaultServer(said_to(heard)) as server:
        (tmp_path / "c.toml").write_text(SETTINGS.format(name="a", url=server.url))
        options = ("--system", "Be brief.", "--config", str(tmp_path / "c.toml"))
        code, out, err = run(capsys, "ask", "Who", "are", "you?", *options)
    assert (code, out) == (0, "Hello.\n"), err
    assert [(one["role"], one["content"]) for one in heard[0]] == [
        ("system", "Be brief."),
        ("user", "Who are you?"),
    ]


def test_a_caller_has_a_budget_of_its_own(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose is used up is refused, in `ask` and in `chat`; others are answered."""
    heard: list[list[dict[str, str]]] = []
    monkeypatch.setattr("builtins.input", lambda _="": next(typed))
    with FaultServer(said_to(heard)) as server:
        (tmp_path / "c.toml").write_text(SETTINGS.format(name="a", url=server.url) + PRICED)
        options = ("--config", str(tmp_path / "c.toml"))
        code, _, err = run(capsys, "ask", "Who are you?", *options, "--caller", "phone")
        assert (code, heard) == (1, [])
        assert "budget" in err
        typed = iter(["Who are you?", "/exit"])
        code, _, err = run(capsys, "chat", *options, "--caller", "phone")
        assert (code, heard) == (0, [])
        assert "budget" in err
        assert run(capsys, "ask", "Who?", *options, "--caller", "x" * 201)[0] == 2
        assert run(capsys, "ask", "Who?", *options, "--caller", "laptop")[1] == "Hello.\n"


def test_chat_knows_commands(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are not sent; a chosen expert answers until another one is, and a path can be said."""
    lines = [
        "/explain", "/help", "Hi", "/system Be brief.", "/expert b", "Again", "/expert zed",
        "/nonsense", "/expert auto", "//etc/hosts", "/explain", "/system", "/exit", "never said",
    ]  # fmt: skip
    typed = iter(lines)
    monkeypatch.setattr("builtins.input", lambda _="": next(typed))
    heard: dict[str, list[list[dict[str, str]]]] = {"a": [], "b": []}
    with FaultServer(said_to(heard["a"])) as a, FaultServer(said_to(heard["b"])) as b:
        both = SETTINGS.format(name="a", url=a.url) + SETTINGS.format(name="b", url=b.url)
        (tmp_path / "c.toml").write_text(both)
        code, out, err = run(capsys, "chat", "--config", str(tmp_path / "c.toml"))
    assert code == 0, err
    assert out.count("Hello.\n") == 3
    assert len(heard["b"][0]) == 4
    assert heard["b"][0][0] == {"role": "system", "content": "Be brief."}
    assert "/etc/hosts" in [messages[-1]["content"] for messages in heard["a"] + heard["b"]]
    for words in ("nothing was asked yet", "/exit", "no expert is called 'zed'; there are a, b"):
        assert words in err
    assert "/nonsense is unknown" in err
    assert "what would have changed it" in out or "kind of task" in out
    assert next(typed) == "never said"


class Typed(io.StringIO):
    """Lines that a user types at a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("typed", "sent"), [("y\n", True), ("n\n", False), ("", False)])
def test_ask_asks_whether_private_data_may_be_read(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    typed: str,
    sent: bool,
) -> None:
    """At a terminal; no, and the end of input, keep them here."""
    monkeypatch.setattr("sys.stdin", Typed(typed))
    heard: list[list[dict[str, str]]] = []
    with FaultServer(said_to(heard)) as server:
        stated = SETTINGS.format(name="a", url=server.url) + 'location = "cloud"\n'
        (tmp_path / "c.toml").write_text('privacy.cloud = "ask"\n' + stated)
        options = ("--config", str(tmp_path / "c.toml"))
        code, _, err = run(capsys, "ask", "Write to ann@example.org", *options)
    assert (code == 0, bool(heard)) == (sent, sent), err
    assert "would read an e-mail address: ann@example.org" in err
