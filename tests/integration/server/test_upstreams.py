"""Failing servers behind the server: every reply comes within the deadline, with its status."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import httpx
import pytest

from asking import drips_an_error, saying, silent
from edge_router import Config, EdgeRouter
from fault_server import STREAM_HEAD, FaultServer, Peer, Script, answer, answer_json, piece
from made_experts import CLOUD
from serving import Served, serving

DEADLINE_S = 0.5
SLACK_S = 1.5  # for a shared machine
CALL = {
    "id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": 1}'},
}  # fmt: skip


def stalls(peer: Peer) -> None:
    """Two words, then nothing more."""
    peer.request()
    peer.send(STREAM_HEAD + piece("one ") + piece("two "))
    peer.pause()


def only_a_head(peer: Peer) -> None:
    """The head of a reply, and no body."""
    peer.request()
    peer.send(STREAM_HEAD)
    peer.pause()


def endless_line(peer: Peer) -> None:
    """An event that does not end."""
    peer.request()
    peer.send(STREAM_HEAD + "data: ")
    while True:
        peer.send("x" * 65_536)


def accepts_and_hangs(peer: Peer) -> None:
    """A connection, and nothing on it."""
    peer.pause()


def behind(url: str, **settings: object) -> EdgeRouter:
    """A router with one cloud expert."""
    expert = replace(CLOUD, base_url=url, tools=True, retries=0)
    return EdgeRouter(Config(experts={"cloud": expert}, deadline_s=DEADLINE_S, **settings))  # type: ignore[arg-type]


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    "script",
    [silent, stalls, only_a_head, endless_line, accepts_and_hangs, drips_an_error,
     saying("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + "x" * 99)],
)  # fmt: skip
def test_no_failing_server_holds_a_client_up(script: Script, stream: bool) -> None:
    """An error object, or an error event on a stream that has begun, in time."""
    with FaultServer(script) as cloud, serving(behind(cloud.url)) as running:
        start = time.monotonic()
        reply = running.chat(stream=stream)
        seconds = time.monotonic() - start
    assert seconds < DEADLINE_S + SLACK_S
    if reply.status_code == 200:
        assert script is stalls
        assert stream
        assert '"error"' in reply.text.splitlines()[-2]
    else:
        assert reply.status_code in (502, 503)
        assert reply.json()["error"]["code"]


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/v1", "http://no-such-host.invalid/v1"])
def test_a_server_that_is_not_there(url: str) -> None:
    """503, and another try may help."""
    with serving(behind(url)) as running:
        reply = running.chat()
    assert (reply.status_code, reply.json()["error"]["code"]) == (503, "no_expert_answered")


@pytest.mark.parametrize(
    ("status", "expected"), [("401 No", 502), ("400 No", 502), ("429 No", 503)]
)
def test_a_servers_own_refusal_is_not_the_clients_fault(status: str, expected: int) -> None:
    """Its 401 is about our key, not the client's; a wait that it asks for is passed on."""
    body = json.dumps({"error": {"message": "no", "type": "x"}})
    refusing = saying(answer(body, status=status, retry_after="7"))
    with FaultServer(refusing) as cloud, serving(behind(cloud.url)) as running:
        reply = running.chat()
    assert reply.status_code == expected
    assert reply.headers.get("retry-after") == ("7" if expected == 503 else None)


def test_a_call_of_a_tool_goes_there_and_back() -> None:
    """The tools and the result reach the server behind; its call and its words the client."""
    asked = []

    def calling(peer: Peer) -> None:
        while request := peer.request():
            body = json.loads(request.partition("\r\n\r\n")[2])
            asked.append(body)
            done = any(message["role"] == "tool" for message in body["messages"])
            message = {"content": "12 degrees"} if done else {"content": None, "tool_calls": [CALL]}
            choice = {"message": message, "finish_reason": "stop" if done else "tool_calls"}
            peer.send(answer_json({"choices": [choice | {"index": 0}]}))

    tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
    with FaultServer(calling) as cloud, serving(behind(cloud.url)) as running:
        answered = ask(running, tools=[tool])
        (call,) = answered["tool_calls"]
        result = {"role": "tool", "tool_call_id": call["id"], "content": "12"}
        final = ask(running, answered, result, tools=[tool])
    assert call == CALL
    assert final["content"] == "12 degrees"
    assert [body["tools"] for body in asked] == [[tool], [tool]]
    assert asked[1]["messages"][-1] == result


def ask(running: Served, *more: object, **fields: object) -> dict[str, object]:
    """The message of an answer about the weather."""
    messages = [{"role": "user", "content": "What is the weather?"}, *more]
    reply: httpx.Response = running.post("chat/completions", {"messages": messages} | fields)
    assert reply.status_code == 200, reply.text
    message: dict[str, object] = reply.json()["choices"][0]["message"]
    return message
