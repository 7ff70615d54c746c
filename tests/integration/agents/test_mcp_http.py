"""MCP servers at an address: good ones, and those that hang, lie, refuse or lead elsewhere."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from edge_router.agents.catalog import mcp_http, mcp_session
from edge_router.agents.catalog.mcp import listed_tools
from edge_router.agents.catalog.sources import agents_of
from edge_router.errors import InvalidAgent
from edge_router.settings.config import Config
from fault_server import STREAM_HEAD, FaultServer, Peer, answer, answer_json, event, full_backlog

ACCEPTED = answer("", status="202 Accepted")
KEY = "tok/en_4711-of_mine"
PASSED_OVER = {"jsonrpc": "2.0", "method": "notifications/message"}

Reply = Callable[[Any], bytes | str | None]
"""What is sent for a message; None for nothing, and the connection stays open."""


def result_of(asked: Any) -> dict[str, Any]:
    """What a good server answers: two pages of one tool each."""
    if asked["method"] == "initialize":
        return {"protocolVersion": "2025-03-26", "capabilities": {}}
    page = asked["params"].get("cursor", "one")
    tools = [{"name": page, "inputSchema": {"type": "object"}}]
    return {"tools": tools} | ({"nextCursor": "two"} if page == "one" else {})


def good(asked: Any, **stated: Any) -> dict[str, Any]:
    """The message of a good server, with some fields in place of its own."""
    return {"jsonrpc": "2.0", "id": asked["id"], "result": result_of(asked)} | stated


def listing(page: Callable[[Any], Any]) -> Reply:
    """A server that is good until it lists its tools; then `page` is the result."""

    def reply(asked: Any) -> bytes:
        lists = asked["method"] == "tools/list"
        return answer_json(good(asked, result=page(asked)) if lists else good(asked))

    return reply


@contextmanager
def serving(reply: Reply) -> Iterator[tuple[str, list[str]]]:
    """A server that sends what `reply` says; gives its URL and the requests it gets."""
    heard: list[str] = []

    def script(peer: Peer) -> None:
        while request := peer.request():
            heard.append(request)
            body = request.partition("\r\n\r\n")[2]
            asked = json.loads(body) if body else {}
            said = reply(asked) if "id" in asked and "method" in asked else ACCEPTED
            if said is None:
                peer.pause()
            peer.send(said or b"")
            if said and b"close" in (said.encode() if isinstance(said, str) else said)[:200]:
                return

    with FaultServer(script) as server:
        yield server.url.replace("/v1", "/mcp"), heard


def names(url: str, config: Config | None = None, **stated: Any) -> list[str]:
    found = listed_tools(url, config or Config(), limit_s=stated.pop("limit_s", 20.0), **stated)
    return [agent.name for agent in agents_of(found)]


def test_all_pages_are_read_in_one_session() -> None:
    """The session and the version of the protocol go with each request, and it is ended."""
    with serving(lambda asked: answer_json(good(asked), mcp_session_id="s-1")) as (url, heard):
        assert names(url) == ["one", "two"]
    kinds = [head.split(" ", 1)[0] for head in heard]
    assert kinds == ["POST"] * 4 + ["DELETE"]
    assert "mcp-session-id" not in heard[0].lower()
    assert "accept: application/json, text/event-stream" in heard[0].lower()
    assert "2025-06-18" in heard[0]
    assert '"notifications/initialized"' in heard[1]
    for later in heard[1:]:
        assert "mcp-session-id: s-1\r\n" in later.lower()
        assert "mcp-protocol-version: 2025-03-26\r\n" in later.lower()


def test_without_a_session_none_is_ended() -> None:
    """A server need not open one."""
    with serving(lambda asked: answer_json(good(asked))) as (url, heard):
        assert names(url) == ["one", "two"]
    assert [head.split(" ", 1)[0] for head in heard] == ["POST"] * 4


def test_a_session_that_cannot_be_ended_is_left() -> None:
    """The server may not allow it, or hang."""

    def script(peer: Peer) -> None:
        while request := peer.request():
            if request.startswith("DELETE"):
                peer.pause()
            asked = json.loads(request.partition("\r\n\r\n")[2])
            told = "id" not in asked
            peer.send(ACCEPTED if told else answer_json(good(asked), mcp_session_id="s-1"))

    with FaultServer(script) as server:
        started = time.monotonic()
        assert names(server.url) == ["one", "two"]
        assert time.monotonic() - started < 8


@pytest.mark.parametrize("end", ["", ": kept alive\n\n" * 3])
@pytest.mark.parametrize("start", ["", "id: 1\ndata:\n\n", "event: message\n", "event: other\n"])
def test_an_event_stream_is_read_up_to_its_answer(start: str, end: str) -> None:
    """Events in between are passed over, also those without data and of other kinds."""
    before = start if "\n\n" in start or not start else start + event(PASSED_OVER)

    def reply(asked: Any) -> str:
        return STREAM_HEAD + before + event(PASSED_OVER) + event(good(asked)) + end

    with serving(reply) as (url, _):
        assert names(url) == ["one", "two"]


@pytest.mark.parametrize(
    "reply",
    [
        lambda asked: STREAM_HEAD + json.dumps(good(asked)),
        lambda asked: answer(event(good(asked)), content_type="application/json"),
        lambda asked: answer_json([PASSED_OVER, good(asked)]),
        lambda asked: STREAM_HEAD + event([PASSED_OVER, good(asked)]),
        lambda asked: answer(json.dumps(good(asked)), content_type="text/plain"),
        lambda asked: answer(json.dumps(good(asked), indent=1)),
    ],
)
def test_a_careless_type_and_a_batch_are_read(reply: Reply) -> None:
    """JSON that is called an event stream, the other way round, and lists of messages."""
    with serving(reply) as (url, _):
        assert names(url) == ["one", "two"]


def test_a_server_that_asks_gets_an_answer() -> None:
    """By a POST of its own, while the stream stays open."""
    asks = event({"jsonrpc": "2.0", "id": "p", "method": "ping"})
    asks += event({"jsonrpc": "2.0", "id": 9, "method": "roots/list"})
    with serving(lambda asked: STREAM_HEAD + asks + event(good(asked))) as (url, heard):
        assert names(url) == ["one", "two"]
    bodies = [json.loads(one.partition("\r\n\r\n")[2]) for one in heard]
    assert {"jsonrpc": "2.0", "id": "p", "result": {}} in bodies
    assert any(body.get("error", {}).get("code") == -32601 for body in bodies)


def status(line: str, body: str = "", **headers: str) -> Reply:
    return lambda _: answer(body, status=line, **headers)


def redirect(to: str) -> Reply:
    return status("307 Temporary Redirect", location=to)


ERROR = {"code": 1, "message": "too old"}
ENDLESS = STREAM_HEAD.replace("Connection: close", "X: y") + event(PASSED_OVER) * 3
HUGE = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99999999\r\n\r\n"
PAGE = "<!doctype html><p>hello"


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (lambda _: None, "does not answer in time"),
        (lambda _: ENDLESS, "does not answer in time"),
        (lambda _: "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n", "does not answer in"),
        (lambda asked: answer_json(good(asked, id="1")), 'answers 1 with the id "1"'),
        (lambda asked: answer_json(good(asked, id=99)), "answers 1 with the id 99"),
        (lambda asked: answer_json(good(asked, id=0)), "answers 1 with the id 0"),
        (lambda asked: answer_json(good(asked, id=-1)), "answers 1 with the id -1"),
        (lambda asked: answer_json(good(asked, id=False)), "answers 1 with the id false"),
        (lambda asked: answer_json(good(asked, error=ERROR)), 'refuses initialize: "too old"'),
        (lambda asked: answer_json(good(asked, result=3)), "answers initialize without a result"),
        (lambda _: answer_json([3]), "writes what is no JSON"),
        (lambda _: STREAM_HEAD + event([3]), "writes what is no JSON-RPC: 3"),
        (lambda _: STREAM_HEAD + event("hello"), 'no JSON: "hello"; check the path of the URL'),
        (lambda _: answer("hello", content_type="application/json"), 'no JSON: "hello"'),
        (lambda _: answer(PAGE, content_type="application/json"), "no JSON: .*check the path"),
        (lambda _: answer(PAGE, content_type="text/html"), "page of HTML; check the path"),
        (lambda _: answer("x", content_encoding="gzip"), "compressed .gzip."),
        (lambda _: ACCEPTED, "ends its reply to initialize without an answer"),
        (lambda _: STREAM_HEAD, "ends its reply to initialize without an answer"),
        (lambda _: "hello\r\n\r\nclose", "breaks off: .*; is it an MCP server"),
        (lambda _: HUGE + "x" * (1 << 24) + "y", "writes over 16,777,216 bytes"),
        (lambda _: STREAM_HEAD + "data: " + "x" * (1 << 24), "writes over 16,777,216 bytes"),
        (lambda _: STREAM_HEAD + "\n" * 200_002, "lines bring no event"),
        (lambda asked: answer_json(good(asked), mcp_session_id="a b"), "a session whose id is"),
        (redirect("/elsewhere"), "redirects to /elsewhere, which is not followed; give the URL"),
        (redirect("http://u:secret@127.0.0.1/?k=secret"), r"to http://\*\*\*@127.0.0.1/\?\*\*\*,"),
        (status("400 Bad Request", json.dumps({"error": ERROR})), r"HTTP 400 \(too old\); check"),
        (status("404 Not Found", PAGE), "HTTP 404; check the path .* HTTP.SSE is not supported"),
        (status("405 Method Not Allowed"), "HTTP 405; check the path of the URL"),
        (status("401 Unauthorized"), "HTTP 401; name the variable .* with --api-key-env"),
        (status("503 Service Unavailable"), "HTTP 503; try again later"),
        (status("304 Not Modified"), "HTTP 304; check the path"),
        (listing(lambda _: {"tools": 3}), "lists no tools"),
        (listing(lambda a: result_of(a) | {"nextCursor": "two"}), "on more than 100 pages"),
        (listing(lambda _: {"tools": [], "nextCursor": "x" * 5000}), "a next page that is none"),
        (listing(lambda _: {"tools": [{}] * 10_001}), "lists more than 10,000 tools"),
    ],
)
def test_a_server_that_hangs_or_lies_is_a_typed_error(
    reply: Reply, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names the address, and holds up its caller for no longer than the limit."""
    monkeypatch.setattr(mcp_http, "END_S", 0.2)
    started = time.monotonic()
    with serving(reply) as (url, _):
        with pytest.raises(InvalidAgent, match=words) as caught:
            names(url, limit_s=0.5 if "does not answer" in words else 20.0)
        assert str(caught.value).startswith(f"the MCP server at {url} ")
        assert time.monotonic() - started < 15


def test_an_endless_stream_ends_with_the_time() -> None:
    """Every event comes in time, and the answer never."""

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(STREAM_HEAD)
        while True:
            peer.send(event(PASSED_OVER))
            peer.pause(0.01)

    with FaultServer(script) as server, pytest.raises(InvalidAgent, match="does not answer in"):
        names(server.url, limit_s=0.4)


def test_a_second_answer_is_passed_over() -> None:
    """Each answer is followed by the one to the request before."""

    def reply(asked: Any) -> bytes:
        before = good(asked, id=asked["id"] - 1)
        return answer_json([before, good(asked)] if asked["id"] > 1 else good(asked))

    with serving(reply) as (url, _):
        assert names(url) == ["one", "two"]


@pytest.mark.parametrize(
    "version", [3, None, [], "", "2025\r\nX-Evil: 1", "x" * 65, "1900-01-01", "2026-07-28"]
)
def test_a_version_that_is_not_known_is_a_typed_error(version: Any) -> None:
    """Nor is one without a handshake agreed by it. The message says which are known."""
    stated = {"protocolVersion": version}
    with (
        serving(lambda asked: answer_json(good(asked, result=stated))) as (url, _),
        pytest.raises(InvalidAgent, match=r"speaks version .* not known here; known: .*2025-06-18"),
    ):
        names(url)


def test_a_server_that_is_not_there_is_a_typed_error() -> None:
    """Nothing listens, or nothing accepts."""
    with FaultServer(lambda _: None) as server:
        url = server.url
    with pytest.raises(InvalidAgent, match=r"cannot be reached: .*; is it running"):
        names(url)
    with full_backlog() as (host, port), pytest.raises(InvalidAgent, match="does not answer"):
        names(f"http://{host}:{port}/mcp", limit_s=0.4)


def test_a_server_on_this_device_is_asked_whatever_the_settings() -> None:
    """Nothing leaves the device."""
    with serving(lambda asked: answer_json(good(asked))) as (url, _):
        assert names(url.replace("127.0.0.1", "localhost"), Config(offline=True)) == ["one", "two"]


def test_a_key_is_sent_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even where the server repeats it, in a status, an error, an id or a page."""
    monkeypatch.setenv("MCP_KEY", KEY)
    for reply in (
        status("403 Forbidden", json.dumps({"error": {"message": f"what is {KEY}?"}})),
        lambda asked: answer_json(good(asked, error={"message": "x" * 40 + KEY})),
        lambda asked: answer_json(good(asked, id=KEY)),
        lambda _: answer(f"what is {KEY}?"),
        redirect(f"/{KEY}/"),
    ):
        with serving(reply) as (url, heard):
            with pytest.raises(InvalidAgent) as caught:
                names(f"{url}?token=tik-tok-4", api_key_env="MCP_KEY")
            assert f"authorization: bearer {KEY.lower()}\r\n" in heard[0].lower()
            assert heard[0].startswith("POST /mcp?token=tik-tok-4 ")
        for hidden in (KEY, KEY[:8], "tik-tok"):
            assert hidden not in str(caught.value)
        assert "***" in str(caught.value)


def test_a_wrong_key_is_named_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """That is the fix."""
    monkeypatch.setenv("MCP_KEY", KEY)
    with (
        serving(status("401 Unauthorized")) as (url, _),
        pytest.raises(InvalidAgent, match=r"HTTP 401; check the key in \$MCP_KEY"),
    ):
        names(url, api_key_env="MCP_KEY")


def test_a_server_that_asks_without_end_is_not_answered_without_end() -> None:
    """Fifty answers, and the time, are all it gets."""
    asks = event({"jsonrpc": "2.0", "id": 7, "method": "ping"}) * 200
    with serving(lambda asked: STREAM_HEAD + asks + event(good(asked))) as (url, heard):
        assert names(url) == ["one", "two"]
    assert len(heard) == 4 + mcp_session.MAX_ANSWERED
