"""An expert behind any OpenAI-compatible HTTP server: a cloud, llama-server, Ollama."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx

from edge_router.chat.capability import ReasoningEffort
from edge_router.chat.completion import ChatChunk, ChatCompletion, ChatRequest
from edge_router.errors import BackendRejected, BackendUnavailable
from edge_router.guards.loopback import is_loopback
from edge_router.guards.redaction import redacted_url, without_secrets

from ..deadline import Deadline, TimeLeft
from ..http.transport import DeadlineTransport
from .errors import EXPLAINED, Failure, refusal_body
from .events import (
    Event,
    EventTooLong,
    Malformed,
    require_plain,
    require_type,
    streamed_events,
    whole_events,
)
from .oddities import ErrorReported
from .redaction import Redaction
from .refusal import refused_field
from .reply import Answer, Delta, completion
from .request import Access, Dialect
from .settings import endpoint, positive, secrets_in

__all__ = ["OpenAIBackend"]

_ERROR_BODY_S = 2.0  # the status decides already; its explanation is not worth a longer wait
_LAST_WORDS_S = 1.0  # for usage and [DONE], after a complete answer
_DOUBT = 3  # times as long after a finish reason that was followed by more text,
_SUSPENSE = 10  # and after a "stop" before any text
_LOOK_EVERY = 500  # events
_DRAIN_S = 0.05  # for the end of the body, so that the connection can be used again
_ATTEMPTS = 4  # each but the last may show another field that the server does not take


class OpenAIBackend:
    """The expert `model` at `{base_url}/chat/completions`.

    The key is read from the environment variable named `api_key_env` at each call and kept
    nowhere, and so are the headers of `extra_headers_env`, which maps a header's name to its
    variable. `max_tokens_field`, `temperature`, `reasoning_effort` and `extra_body` are as in
    `Dialect`; what the server refuses by name all the same is left out or renamed from then on:
    `adaptations`.

    Times are in seconds. `connect_timeout_s` (5 by default) bounds finding and reaching the
    host, then the TLS handshake; `first_token_timeout_s` the wait for the first streamed token
    (reasoning counts), `stall_timeout_s` any time without a byte. Without the last two only the
    deadline bounds the wait. `complete` has no first token: many servers send headers only with
    the finished answer. A `transport` of your own keeps its own time.

    No redirect is followed, and no answer is requested twice. Safe to use from several threads;
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
        reasoning_effort: ReasoningEffort | None = None,
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
            max_tokens_field=max_tokens_field,
            temperature=temperature,
            reasoning_effort=reasoning_effort,
            extra_body=extra_body,
        )
        self._connect_timeout_s = positive("connect_timeout_s", connect_timeout_s, unset=5.0)
        self._first_token_timeout_s = positive("first_token_timeout_s", first_token_timeout_s)
        self._stall_timeout_s = positive("stall_timeout_s", stall_timeout_s)
        self._transport = DeadlineTransport() if transport is None else transport
        self._who = f"{without_secrets(model)} at {redacted_url(self.base_url)}"  # for messages
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
        call = self._call(request, deadline)
        with self._explained(call), self._exchange(call, stream=False) as response:
            events = whole_events(response.iter_raw())
            return completion(_in_time(events, call), self._answer(request))

    def stream(
        self, request: ChatRequest, *, deadline: Deadline
    ) -> Generator[ChatChunk, None, None]:
        """The answer in pieces; closing the generator closes the connection.

        Raises only the BackendError family, and once there has been a piece of text only
        BackendProtocolError, or BackendUnavailable where it was cancelled, closed or forked.
        """
        call = self._call(request, deadline)
        call.time_left.limit(self._first_token_timeout_s)
        with self._explained(call), self._exchange(call, stream=True) as response:
            call.answer = answer = self._answer(request)
            events = _in_time(streamed_events(response.iter_raw()), call)
            for delta in _deltas(events, answer=answer, time_left=call.time_left):
                piece = answer.piece(delta)
                if not piece.is_thought:
                    deadline.begin()
                yield piece
                call.require_ours()
            yield answer.last_piece()
            call.time_left.limit(_DRAIN_S)
            with contextlib.suppress(httpx.HTTPError, EventTooLong, Malformed):
                for _ in events:
                    pass

    def close(self) -> None:
        """Close every connection and end every answer at once; may be called twice."""
        self._closed = True
        self._transport.close()

    def _answer(self, request: ChatRequest) -> Answer:
        return Answer(self.model, tools=bool(request.tools), logprobs=request.logprobs)

    def _is_closed(self) -> bool:
        return self._closed

    def _call(self, request: ChatRequest, deadline: Deadline) -> _Call:
        time_left = TimeLeft(deadline, stall_s=self._stall_timeout_s)
        call = _Call(self._who, self._is_closed, request, deadline, time_left)
        call.check()
        return call

    @contextlib.contextmanager
    def _explained(self, call: _Call) -> Iterator[None]:
        """Raise the BackendError that an exception of the reply or of HTTP stands for.

        `from None`, because their messages and frames can hold the key.
        """
        try:
            yield
        except EXPLAINED as error:
            meant = self._failure(call).of(error)
            if meant is error:
                raise
            raise meant from None

    def _failure(self, call: _Call) -> Failure:
        request = call.request
        secrets = (
            *self._access.secrets(call.headers),
            *self._dialect.secrets,
            *secrets_in(request.extra),
        )
        return Failure(
            self._who,
            call.deadline,
            self._access.api_key_env,
            Redaction(secrets, request.private_texts),
            ended=call.ended(),
            begun=call.answer is not None and call.answer.begun,
        )

    @contextlib.contextmanager
    def _exchange(self, call: _Call, *, stream: bool) -> Iterator[httpx.Response]:
        """Send the request; gives the response with status 2xx, its body unread."""
        call.headers = self._access.headers(stream=stream, who=self._who)
        for attempt in range(1, _ATTEMPTS + 1):
            body = self._dialect.body(self.model, call.request, stream=stream)
            post = self._post(_written(body, who=self._who), call)
            with contextlib.closing(self._transport.handle_request(post)) as response:
                if response.is_success:
                    require_type(response.headers.get("content-type", ""))
                    require_plain(response.headers.get("content-encoding", ""))
                    yield response
                    return
                with call.time_left.within(_ERROR_BODY_S):
                    explanation = refusal_body(response)
            self._adapt(body, response, explanation, call, last=attempt == _ATTEMPTS)
            call.check()

    def _post(self, content: bytes, call: _Call) -> httpx.Request:
        # `time_left` is tighter; httpx would fix today's value for the whole body.
        left = max(0.0, call.deadline.at - time.monotonic())
        timeout = httpx.Timeout(left, connect=self._connect_timeout_s)
        return httpx.Request(
            "POST",
            self._url,
            content=content,
            headers=call.headers,
            extensions={"deadline": call.time_left, "timeout": timeout.as_dict()},
        )

    def _adapt(
        self,
        body: Mapping[str, Any],
        response: httpx.Response,
        explanation: str,
        call: _Call,
        *,
        last: bool,
    ) -> None:
        """Learn from a refusal which field not to send; raises if it is about something else."""
        name = refused_field(
            response.status_code, explanation, self._dialect.droppable(body, call.request)
        )
        if name is None or last:
            raise self._failure(call).refused(response, explanation)
        if not self._dialect.adapt(name, who=self._who):
            raise self._failure(call).unbounded(explanation)


@dataclass(slots=True, eq=False)
class _Call:
    """One request to the expert `who`, under way: its time, the headers as sent, the answer so far
    (of a stream), and its process. `closed` says whether the backend was closed."""

    who: str
    closed: Callable[[], bool]
    request: ChatRequest
    deadline: Deadline
    time_left: TimeLeft
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    answer: Answer | None = None
    process: int = field(default_factory=os.getpid)

    def ended(self) -> BackendUnavailable | None:
        """The error of a call that was ended on this side, None for one that was not."""
        if os.getpid() != self.process:
            return BackendUnavailable(
                f"{self.who}: this answer belongs to the process that was forked; ask again here"
            )
        if self.deadline.cancelled:
            return BackendUnavailable(f"{self.who} was cancelled")
        return BackendUnavailable(f"{self.who} is closed") if self.closed() else None

    def require_ours(self) -> None:
        """Raise BackendUnavailable for a call that was ended on this side."""
        if error := self.ended():
            raise error

    def check(self) -> None:
        """Raise BackendUnavailable for a call that has ended or is out of time."""
        self.require_ours()
        self.deadline.check(self.who)


def _written(body: Mapping[str, Any], *, who: str) -> bytes:
    try:
        return json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError):  # not shown: it may quote the prompt
        raise BackendRejected(f"{who}: the request is not valid JSON") from None


def _in_time(events: Iterable[Event], call: _Call) -> Iterator[Event]:
    """The same events. One chunk may hold many, so the deadline is checked between them."""
    for count, event in enumerate(events, start=1):
        if count % _LOOK_EVERY == 0:
            call.check()
        yield event


def _deltas(events: Iterator[Event], *, answer: Answer, time_left: TimeLeft) -> Iterator[Delta]:
    """What the events of a reply add, up to [DONE] or its end.

    Text after a finish reason still belongs to the answer. But it is not waited for long, and a
    failure then counts as the end.
    """
    try:
        while not answer.done and (event := next(events, None)) is not None:
            asleep, running = not answer.awake, answer.finish is None
            delta = answer.take(event)
            if asleep and answer.awake:
                time_left.lift()  # it thinks; another expert may still step in
            if delta:
                yield delta
            if answer.finish is not None and (answer.moved or running):
                time_left.limit(_LAST_WORDS_S * _doubt(answer))
    except (httpx.HTTPError, EventTooLong, Malformed, ErrorReported) as error:
        if not _is_an_end(error, answer, time_left):
            raise
    if rest := answer.end():
        yield rest


def _doubt(answer: Answer) -> int:
    """How many times _LAST_WORDS_S to wait for more after a finish reason."""
    if not answer.begun and answer.finish == "stop":
        return _SUSPENSE
    return _DOUBT if answer.overtaken else 1


def _is_an_end(error: Exception, answer: Answer, time_left: TimeLeft) -> bool:
    """Whether the answer is complete although something failed after its finish reason."""
    if answer.finish is None:
        return False
    if isinstance(error, httpx.TimeoutException) and time_left.is_limited:
        return True
    return answer.begun and not answer.overtaken  # else more may have followed
