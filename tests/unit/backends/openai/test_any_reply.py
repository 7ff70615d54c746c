"""Whatever a server may say: an answer that can be written, or an error of ours."""

from __future__ import annotations

import json
import os

import httpx
from hypothesis import given, settings
from hypothesis import strategies as st

from asking import complete, reason_of, stream, text_of
from edge_router.backends.deadline import Deadline
from edge_router.backends.openai.backend import OpenAIBackend
from edge_router.errors import BackendError

REPLIES = int(os.environ.get("EDGE_ROUTER_FUZZ", "60"))  # read before the tests' own clearing


class _Says(httpx.BaseTransport):
    """A transport whose server has said these bytes already."""

    def __init__(self, body: bytes, status: int, headers: dict[str, str]) -> None:
        self._made = (body, status, headers)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        body, status, headers = self._made
        return httpx.Response(status, headers=headers, stream=httpx.ByteStream(body))


_NAMES = st.sampled_from(
    "choices delta message content text type finish_reason usage prompt_tokens error code detail "
    "object index tool_calls refusal reasoning_content id model param loc msg".split()
)
_LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(
        ["stop", "length", "tool_calls", "", "null", "error", "text", "thinking", "\ud83d", 10**400]
    ),
)
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=4),
    max_leaves=12,
)
_PART = st.fixed_dictionaries(
    {}, optional={"content": _VALUES, "refusal": _VALUES, "tool_calls": _VALUES, "type": _LEAVES}
)
_CHOICE = st.fixed_dictionaries(
    {}, optional={"delta": _PART | _VALUES, "message": _PART, "finish_reason": _LEAVES}
)
_REPLIES = st.fixed_dictionaries(
    {"choices": st.lists(_CHOICE, max_size=2) | _VALUES},
    optional={"usage": _VALUES, "error": _VALUES, "id": _VALUES, "model": _VALUES},
)
_SAID = st.one_of(
    _REPLIES.map(json.dumps),
    _VALUES.map(json.dumps),
    st.sampled_from(["[DONE]", "null", "ping", "{", "[[[", "<html>", "", "data: x"]),
    st.text(max_size=20),
)
_PREFIX = st.sampled_from(
    ["data: ", "data: ", "data: ", "", "error: ", "event: error\ndata: ", ": "]
)
_BODIES = st.lists(st.tuples(_PREFIX, _SAID), max_size=6).map(
    lambda lines: "".join(f"{prefix}{said}\n\n" for prefix, said in lines).encode(errors="replace")
)


@settings(max_examples=REPLIES)
@given(
    body=_BODIES | st.binary(max_size=60),
    status=st.sampled_from([200, 200, 200, 200, 204, 302, 400, 401, 404, 422, 429, 500, 999]),
    headers=st.dictionaries(
        st.sampled_from(["content-type", "content-encoding", "location", "retry-after"]),
        st.sampled_from(
            [
                "text/html",
                "application/json",
                "gzip",
                "identity",
                "http://u:p@h/?q",
                "1e400",
                "-7",
                "Fri, 31 Dec 9999 23:59:59 GMT",
                "Mon, 99 Foo 0000 99:99:99 -9999",
                "",
            ]
        ),
    ),
)
def test_any_reply_gives_an_answer_or_an_error_of_ours(
    body: bytes, status: int, headers: dict[str, str]
) -> None:
    """No reply of a server becomes another exception, or text that cannot be encoded;
    EDGE_ROUTER_FUZZ=5000 for more of them."""
    for verb in (complete, stream):
        backend = OpenAIBackend(
            "tiny", base_url="http://127.0.0.1:9/v1", transport=_Says(body, status, headers)
        )
        try:
            told = verb(backend, Deadline.after(10))
        except BackendError as error:
            shown = str(error)
        else:
            shown = ""
            text_of(told).encode()
            assert reason_of(told) in ("stop", "length", "content_filter")
        assert shown == "" or shown.isprintable()
