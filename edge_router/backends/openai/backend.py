"""An expert behind any OpenAI-compatible HTTP server: a cloud, llama-server, Ollama."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Generator, Iterator, Mapping
from typing import Any, Literal

import httpx

from edge_router.chat.completion import ChatChunk, ChatCompletion, ChatRequest
from edge_router.errors import BackendRejected
from edge_router.guards.loopback import is_loopback
from edge_router.guards.redaction import redacted_url, without_secrets

from ..deadline import Deadline
from ..http.flight import Budget
from ..http.transport import DeadlineTransport
from .access import Access, endpoint, positive
from .content import Malformed
from .errors import Failures, broken_once_begun
from .redaction import Redaction
from .refusal import refused_field
from .reply import Answer, ErrorReported, completion, require_type
from .request import Dialect
from .sse import EventTooLong, SSEParser
from .whole import whole_events

__all__ = ["OpenAIBackend"]

_MAX_REPLY_BYTES = 16 << 20
_MAX_EVENT_BYTES = 1 << 20
_MAX_ERROR_BYTES = 64 << 10
_ERROR_BODY_S = 2.0  # the status already decides; its explanation is not worth a longer wait
_LAST_WORDS_S = 1.0  # for usage and [DONE], once the answer is complete
_DOUBT = 3  # times as long, where a finish reason has proved to come too early;
_SUSPENSE = 10  # or where it says "stop" before anything else was said
_BOM = b"\xef\xbb\xbf"
_BLANK = (b"", _BOM[:1], _BOM[:2], _BOM)  # what a reply may begin with before it says anything
_LOOK_EVERY = 500  # events
_DRAIN_S = 0.05  # for the end of the body, so that the connection can be used again
_ATTEMPTS = 4  # each but the last may teach what else the server does not take


class OpenAIBackend:
    """Asks `model` at `{base_url}/chat/completions`.

    The key is read from the environment variable named `api_key_env` at each call and kept
    nowhere, and so are the headers of `extra_headers_env`, which maps a header's name to its
    variable. `max_tokens_field`, `temperature` and `extra_body` are as in `Dialect`; what the
    server refuses by name all the same is left out or renamed, once and for all: `adaptations`.

    Times are in seconds. `connect_timeout_s` (5 unless told otherwise) bounds finding and reaching
    the host, then the TLS handshake; `first_token_timeout_s` the wait for the first streamed token
    (reasoning counts), `stall_timeout_s` any time without a byte. Without the last two only the
    deadline bounds the wait. `complete` has no first token: many servers send headers only with
    the finished answer. A `transport` of your own keeps its own time.

    No redirect is followed, and no answer is asked for twice. Safe to use from several threads;
    `close` ends their answers. A forked child opens its own connections.
    Raises ConfigError for a setting that cannot work or would expose the key.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str,
        api_key_env: str | None = None,
        max_tokens_field: str | None = None,
        temperature: float | Literal["omit"] | None = None,
        extra_body: Mapping[str, Any] | None = None,
        extra_headers_env: Mapping[str, str] | None = None,
        connect_timeout_s: float | None = None,
        first_token_timeout_s: float | None = None,
        stall_timeout_s: float | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.model = model
        self._url = endpoint(base_url)
        self.base_url = base_url.rstrip("/")
        self._access = Access(api_key_env, extra_headers_env or {}, url=self._url)
        self._dialect = Dialect(
            max_tokens_field=max_tokens_field, temperature=temperature, extra_body=extra_body
        )
        self._connect_timeout_s = positive("connect_timeout_s", connect_timeout_s, unset=5.0)
        self._first_token_timeout_s = positive("first_token_timeout_s", first_token_timeout_s)
        self._stall_timeout_s = positive("stall_timeout_s", stall_timeout_s)
        self._transport = DeadlineTransport() if transport is None else transport
        self._closed = False

    def __repr__(self) -> str:
        return f"OpenAIBackend({self.model!r}, base_url={redacted_url(self.base_url)!r})"

    @property
    def adaptations(self) -> Mapping[str, str]:
        """What the server refused so far, by field: "left out", or "sent as" another."""
        return self._dialect.adaptations

    @property
    def needs_network(self) -> bool:
        """Whether its server is on another host."""
        return not is_loopback(self._url.host)

    def complete(self, request: ChatRequest, *, deadline: Deadline) -> ChatCompletion:
        """The whole answer in one reply. Raises only the BackendError family."""
        failures, budget = self._call(request, deadline)
        with (
            failures.explained(),
            self._exchange(request, stream=False, failures=failures, budget=budget) as response,
        ):
            events = whole_events(_body(response.iter_raw()))
            return completion(_in_time(events, failures), model=self.model)

    def stream(
        self, request: ChatRequest, *, deadline: Deadline
    ) -> Generator[ChatChunk, None, None]:
        """The answer in pieces; closing the generator closes the connection.

        Raises only the BackendError family, and once there has been a piece of text only
        BackendProtocolError, or BackendUnavailable where it was cancelled, closed or forked.
        """
        failures, budget = self._call(request, deadline)
        budget.limit(self._first_token_timeout_s)
        answer = Answer(self.model)
        with (
            broken_once_begun(answer, failures),
            failures.explained(),
            self._exchange(request, stream=True, failures=failures, budget=budget) as response,
        ):
            events = _in_time(_events(response), failures)
            for text in _texts(events, answer=answer, budget=budget):
                deadline.begin()
                yield answer.piece(text)
                failures.require_ours()
            yield answer.last_piece()
            budget.limit(_DRAIN_S)
            with contextlib.suppress(httpx.HTTPError, EventTooLong, Malformed):
                for _ in events:
                    pass

    def close(self) -> None:
        """Close every connection and end every answer at once; may be called twice."""
        self._closed = True
        self._transport.close()

    def _call(self, request: ChatRequest, deadline: Deadline) -> tuple[Failures, Budget]:
        texts = (*(message.content for message in request.messages), *request.stop)
        failures = Failures(
            who=f"{without_secrets(self.model)} at {redacted_url(self.base_url)}",
            deadline=deadline,
            api_key_env=self._access.api_key_env,
            redaction=Redaction((*self._access.secrets(), *self._dialect.secrets), texts),
            closed=lambda: self._closed,
        )
        failures.check()
        return failures, Budget(deadline, stall_s=self._stall_timeout_s)

    @contextlib.contextmanager
    def _exchange(
        self, request: ChatRequest, *, stream: bool, failures: Failures, budget: Budget
    ) -> Iterator[httpx.Response]:
        """Send the request; what comes out is a response with status 2xx, its body unread."""
        headers = self._access.headers(stream=stream, who=failures.who)
        for attempt in range(1, _ATTEMPTS + 1):
            body = self._dialect.body(self.model, request, stream=stream)
            post = self._post(_written(body, who=failures.who), headers, failures, budget)
            with contextlib.closing(self._transport.handle_request(post)) as response:
                if response.is_success:
                    require_type(response.headers.get("content-type", ""))
                    _require_plain(response)
                    yield response
                    return
                with budget.within(_ERROR_BODY_S):
                    told = _error_body(response)
            self._adapt(body, response, told, failures=failures, last=attempt == _ATTEMPTS)
            failures.check()

    def _post(
        self, content: bytes, headers: Mapping[str, str], failures: Failures, budget: Budget
    ) -> httpx.Request:
        # The budget is tighter; httpx would fix today's value for the whole body.
        left = max(0.0, failures.deadline.at - time.monotonic())
        timeout = httpx.Timeout(left, connect=self._connect_timeout_s)
        return httpx.Request(
            "POST",
            self._url,
            content=content,
            headers=headers,
            extensions={"deadline": budget, "timeout": timeout.as_dict()},
        )

    def _adapt(
        self,
        body: Mapping[str, Any],
        response: httpx.Response,
        told: str,
        *,
        failures: Failures,
        last: bool,
    ) -> None:
        """Learn from a refusal what not to send the next time; raise where it is about more."""
        name = refused_field(response.status_code, told, self._dialect.droppable(body))
        if name is None or last:
            raise failures.refused(response, told)
        if not self._dialect.adapt(name, who=failures.who):
            raise failures.unbounded(told)


# The request


def _written(body: Mapping[str, Any], *, who: str) -> bytes:
    try:
        return json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError):  # not shown: it may quote the prompt
        raise BackendRejected(f"{who}: the request is not valid JSON") from None


# The response


def _require_plain(response: httpx.Response) -> None:
    """Refuse compression before anything is unpacked: a few kilobytes can become gigabytes."""
    coding = _coding(response)
    if coding:
        raise Malformed(f"the reply is compressed ({coding}), though the request forbids that")


def _coding(response: httpx.Response) -> str:
    told = response.headers.get("content-encoding", "")
    codings = [one.strip().lower() for one in told.split(",")]
    return ", ".join(one for one in codings if one not in ("", "identity"))


def _body(chunks: Iterator[bytes], start: bytes = b"") -> bytes:
    body = bytearray(start)
    for chunk in chunks:
        body += chunk
        if len(body) > _MAX_REPLY_BYTES:
            raise Malformed(f"the reply is longer than {_MAX_REPLY_BYTES} bytes")
    return bytes(body)


def _error_body(response: httpx.Response) -> str:
    """What the server says about its refusal, as far as it comes soon."""
    body = bytearray()
    if _coding(response):
        return ""
    with contextlib.suppress(httpx.HTTPError):
        for chunk in response.iter_raw():
            body += chunk
            if len(body) >= _MAX_ERROR_BYTES:
                break
    return body[:_MAX_ERROR_BYTES].decode(errors="replace")


def _events(response: httpx.Response) -> Iterator[str]:
    """The events of a reply as they come, whatever its type says; of a JSON reply when it is
    there whole."""
    parser = SSEParser(max_event_bytes=_MAX_EVENT_BYTES)
    chunks = response.iter_raw()
    start = b""
    while start in _BLANK and (chunk := next(chunks, b"")):
        start = (start + chunk).lstrip()
    if start.removeprefix(_BOM).lstrip().startswith((b"{", b"[")):
        yield from whole_events(_body(chunks, start))
        return
    yield from parser.feed(start)
    for chunk in chunks:
        yield from parser.feed(chunk)
    yield from parser.end()


def _in_time(events: Iterator[str], failures: Failures) -> Iterator[str]:
    """The same events. Many may lie in one chunk, so the deadline is looked at between them."""
    for count, event in enumerate(events, start=1):
        if count % _LOOK_EVERY == 0:
            failures.check()
        yield event


def _texts(events: Iterator[str], *, answer: Answer, budget: Budget) -> Iterator[str]:
    """The texts of a reply, none of them empty, up to [DONE] or its end.

    A finish reason does not end it: what still comes belongs to the answer. But it is not waited
    for long, and what fails then is taken for the end.
    """
    try:
        while not answer.done and (event := next(events, None)) is not None:
            asleep, running = not answer.awake, answer.finish is None
            text = answer.take(event)
            if asleep and answer.awake:
                budget.lift()  # it thinks; another expert may step in all the same
            if text:
                yield text
            if answer.finish is not None and (answer.moved or running):
                budget.limit(_LAST_WORDS_S * _doubt(answer))
    except (httpx.HTTPError, EventTooLong, Malformed, ErrorReported) as error:
        if not _is_an_end(error, answer, budget):
            raise
    if rest := answer.end():
        yield rest


def _doubt(answer: Answer) -> int:
    """How many times longer than for last words more is waited for after a finish reason."""
    if not answer.begun and answer.finish == "stop":
        return _SUSPENSE
    return _DOUBT if answer.overtaken else 1


def _is_an_end(error: Exception, answer: Answer, budget: Budget) -> bool:
    """Whether the answer is complete although something failed after its finish reason."""
    if answer.finish is None:
        return False
    if isinstance(error, httpx.TimeoutException) and budget.is_limited:
        return True
    return answer.begun and not answer.overtaken  # else more may have been to come
