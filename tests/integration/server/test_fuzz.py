"""Random requests: whatever a client sends, a reply of ours comes back and the server lives."""

from __future__ import annotations

import json
import os
import random
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from edge_router.chat.message import ToolCall
from edge_router.errors import BackendProtocolError
from edge_router.server.limits import Limits
from edge_router.testing import FakeBackend
from serving import Served, fakes, serving

REQUESTS = int(os.environ.get("EDGE_ROUTER_FUZZ", "300"))  # read before the tests' own clearing
PATHS = (
    "chat/completions",
    "completions",
    "responses",
    "embeddings",
    "systemone",
    "models",
    "models/auto",
    "x",
)
NAMES = (
    "model", "messages", "prompt", "input", "stream", "stream_options", "tools", "tool_choice",
    "max_tokens", "temperature", "stop", "n", "response_format", "logprobs", "instructions", "text",
    "reasoning", "dimensions", "encoding_format", "metadata", "extra", "user", "seed", "role",
    "content", "type", "function", "name", "parameters", "tool_calls", "tool_call_id", "arguments",
    "format", "schema", "state",
    "questions", "criteria", "image_url", "url", "call_id", "output", "include_usage", "effort",
)  # fmt: skip
WORDS = (
    "auto", "local", "cloud", "user", "system", "tool", "assistant", "developer", "text", "object",
    "function", "json_schema", "input_text", "required", "none", "base64", "", "x", "\x00",
    "\ud83d", "🤔", "a" * 5_000, "data: [DONE]\n\n", "../../etc/passwd", "{{7*7}}", "1e999",
)  # fmt: skip
NUMBERS = (0, 1, -1, 2, 0.5, -0.0, 1e308, 2**63, -(2**80), 255, float("nan"), float("inf"))
GOOD: tuple[dict[str, Any], ...] = (
    {"messages": [{"role": "user", "content": "Why?"}]},
    {"messages": [{"role": "user", "content": "Why?"}], "stream": True},
    {"messages": None},
    {"state": "Why?", "questions": {"q": {"type": "noul", "instructions": "difficulty"}}},
    {"prompt": "Why?", "stream": True},
    {"input": "Why?", "stream": True},
    {"input": [{"role": "user", "content": [{"type": "input_text", "text": "Why?"}]}]},
    {"input": ["a", "b"], "encoding_format": "base64"},
    {"messages": [{"role": "user", "content": "Why?"}],
     "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}]},
)  # fmt: skip


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """Experts that answer, call tools, and break off."""
    calling = FakeBackend("", tool_calls=[ToolCall("1", "f", "{")], reasoning_content="hm")
    broken = FakeBackend("one two", error=BackendProtocolError("it broke"), fail_after=1)
    limits = Limits(body_s=1.0, head_s=1.0, body_bytes=200_000)
    with serving(fakes(calling, broken), limits=limits) as running:
        yield running


def value(draw: random.Random, depth: int = 0) -> Any:
    """Any JSON value, of the words that the API knows."""
    kind = draw.randrange(8 if depth < 4 else 5)
    if kind < 2:
        return draw.choice(WORDS)
    if kind < 4:
        return draw.choice(NUMBERS)
    if kind == 4:
        return draw.choice((True, False, None))
    count = draw.randrange(4)
    if kind == 5:
        return [value(draw, depth + 1) for _ in range(count)]
    return {draw.choice(NAMES): value(draw, depth + 1) for _ in range(count)}


def spoilt(draw: random.Random) -> Any:
    """A good body with something wrong in it, or none at all."""
    body = json.loads(json.dumps(draw.choice(GOOD)))
    for _ in range(draw.randrange(3)):
        at = body
        while isinstance(at, (dict, list)) and at and draw.random() < 0.6:
            key = draw.choice(list(at) if isinstance(at, dict) else range(len(at)))
            if not isinstance(at[key], (dict, list)) or draw.random() < 0.3:
                at[key] = value(draw)
                break
            at = at[key]
        else:
            if isinstance(at, dict):
                at[draw.choice(NAMES)] = value(draw)
    return body if draw.random() < 0.9 else value(draw)


def test_whatever_is_asked_there_is_a_reply(served: Served) -> None:
    """200 or an error object, never a 500; EDGE_ROUTER_FUZZ=5000 for more of them."""
    draw = random.Random(17)
    for number in range(REQUESTS):
        body = json.dumps(spoilt(draw)).encode()
        if draw.random() < 0.1:
            body = bytes(draw.choice(b'{}[]",:0aeu\\ \xff') for _ in range(draw.randrange(200)))
        reply = served.http.post(
            f"{served.url}/{draw.choice(PATHS)}", content=body,
            headers={"content-type": "application/json"}, timeout=20.0,
        )  # fmt: skip
        what = f"request {number}: {body[:400]!r} got {reply.status_code} {reply.text[:400]}"
        assert reply.status_code in (200, 400, 404, 405, 413, 422, 502, 503), what
        if reply.status_code not in (200, 422):
            assert reply.json()["error"]["code"] not in ("internal_error", ""), what


def test_whatever_comes_over_the_wire_it_lives(served: Served) -> None:
    """Bytes that are almost a request."""
    draw = random.Random(4)
    good = (
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json"
        b'\r\nContent-Length: 52\r\n\r\n{"messages": [{"role": "user", "content": "Why?"}]}  '
    )
    for _ in range(REQUESTS // 5):
        data = bytearray(good)
        for _ in range(draw.randrange(1, 6)):
            at = draw.randrange(len(data))
            data[at : at + draw.randrange(3)] = draw.randbytes(draw.randrange(3))
        with socket.create_connection(("127.0.0.1", served.port), timeout=20) as sock:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            try:
                said = sock.recv(65_536)
            except ConnectionError:
                said = b""
        assert not said or said.startswith(b"HTTP/1.1 "), said
        assert b"500 Internal" not in said
        assert b"Traceback" not in said
    assert httpx.get(f"{served.root}/healthz", trust_env=False).status_code == 200
