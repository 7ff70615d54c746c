"""An expert behind any OpenAI-compatible HTTP server: a cloud, llama-server, Ollama."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Generator, Iterator
from typing import Any

import httpx

from ..chat import ChatChunk, ChatCompletion, ChatRequest
from ..errors import BackendRejected, BackendUnavailable, ConfigError
from .base import Deadline, is_loopback
from .openai_errors import Failures, broken_once_begun, variable
from .openai_reply import Answer, ErrorReported, Malformed, completion, require_type
from .sse import EventTooLong, SSEParser
from .transport import Budget, DeadlineTransport

__all__ = ["OpenAIBackend"]

_MAX_REPLY_BYTES = 16 << 20
_MAX_EVENT_BYTES = 1 << 20
_MAX_ERROR_BYTES = 64 << 10
_ERROR_BODY_S = 2.0  # the status already decides; its explanation is not worth a longer wait
_LAST_WORDS_S = 1.0  # for usage and [DONE], once the answer is complete
_DRAIN_S = 0.05  # for the end of the body, so that the connection can be used again


class OpenAIBackend:
    """Asks `model` at `{base_url}/chat/completions`.

    The key is read from the environment variable named `api_key_env` at each call and kept
    nowhere. `connect_timeout_s` bounds finding and reaching the host, then the TLS handshake;
    `first_token_timeout_s` the wait for the first streamed token (reasoning counts). Once it is
    connected, `complete` waits until its deadline: many servers send headers only with the
    finished answer. Times are in seconds. A `transport` of your own keeps its own time.
    Nothing is retried and no redirect is followed. Safe to use from several threads.
    Raises ConfigError for a setting that cannot work or would expose the key.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str,
        api_key_env: str | None = None,
        connect_timeout_s: float = 5.0,
        first_token_timeout_s: float = 20.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.model = model
        self.base_url = base_url.rstrip("/")
        self._url = _endpoint(self.base_url)
        self._api_key_env = api_key_env
        if api_key_env is not None:
            _require_variable_name(api_key_env)
            _require_private_channel(self._url)
        self._connect_timeout_s = _positive("connect_timeout_s", connect_timeout_s)
        self._first_token_timeout_s = _positive("first_token_timeout_s", first_token_timeout_s)
        self._client = httpx.Client(
            transport=DeadlineTransport() if transport is None else transport,
            trust_env=False,  # no .netrc; the transport itself looks up proxies
            follow_redirects=False,
        )

    def __repr__(self) -> str:
        return f"OpenAIBackend({self.model!r}, base_url={self.base_url!r})"

    def complete(self, request: ChatRequest, *, deadline: Deadline) -> ChatCompletion:
        """The whole answer in one reply. Raises only the BackendError family."""
        failures, budget = self._failures(deadline), Budget(deadline)
        with (
            failures.explained(),
            self._exchange(request, stream=False, failures=failures, budget=budget) as response,
        ):
            return completion(_body(response), model=self.model)

    def stream(
        self, request: ChatRequest, *, deadline: Deadline
    ) -> Generator[ChatChunk, None, None]:
        """The answer in pieces; closing the generator closes the connection.

        Raises only the BackendError family, and once there has been a piece of text only
        BackendProtocolError.
        """
        failures, budget = self._failures(deadline), Budget(deadline)
        budget.limit(self._first_token_timeout_s)
        answer = Answer(self.model)
        with (
            broken_once_begun(answer),
            failures.explained(),
            self._exchange(request, stream=True, failures=failures, budget=budget) as response,
        ):
            events = _events(response)
            for text in _texts(events, answer=answer, budget=budget):
                yield answer.piece(text)
            _hear_out(events, answer=answer, budget=budget)
            yield answer.last_piece()
            budget.limit(_DRAIN_S)
            with contextlib.suppress(httpx.HTTPError, EventTooLong):
                for _ in events:
                    pass

    def close(self) -> None:
        """Close every connection; may be called twice."""
        self._client.close()

    def _failures(self, deadline: Deadline) -> Failures:
        who = f"{self.model} at {self.base_url}"
        deadline.check(who)
        return Failures(
            who=who,
            deadline=deadline,
            api_key_env=self._api_key_env,
            key=None if self._api_key_env is None else _read_key(self._api_key_env, who=who),
        )

    @contextlib.contextmanager
    def _exchange(
        self, request: ChatRequest, *, stream: bool, failures: Failures, budget: Budget
    ) -> Iterator[httpx.Response]:
        """Send the request; what comes out is a response with status 2xx, its body unread."""
        accept = "text/event-stream" if stream else "application/json"
        post = self._client.build_request(
            "POST",
            self._url,
            content=_question(self.model, request, stream=stream, who=failures.who),
            headers=_headers(failures.key, accept=accept),
            # The budget is tighter; httpx would fix today's value for the whole body.
            timeout=httpx.Timeout(failures.deadline.remaining(), connect=self._connect_timeout_s),
            extensions={"deadline": budget},
        )
        try:
            response = self._client.send(post, stream=True)
        except RuntimeError as error:  # httpx: the client has been closed
            raise BackendUnavailable(f"{failures.who}: {error}") from None
        with contextlib.closing(response):
            if not response.is_success:
                budget.limit(_ERROR_BODY_S)
                raise failures.refused(response, _error_body(response))
            require_type(response.headers.get("content-type", ""), accept)
            yield response


# Settings


def _endpoint(base_url: str) -> httpx.URL:
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL:  # not shown: it quotes the part it cannot read, maybe a password
        raise ConfigError("base_url is not a URL; check its host and port") from None
    if url.userinfo or url.query or url.fragment:
        # Not shown: this is where people put keys.
        raise ConfigError(
            "base_url must not hold a user, a password, a query or a fragment; give the key "
            "with api_key_env"
        )
    if url.scheme not in ("http", "https") or not url.host:
        raise ConfigError(
            f"base_url is {base_url!r}; it must look like https://api.openai.com/v1 or "
            "http://localhost:8080/v1"
        )
    return url.copy_with(path=url.path.rstrip("/") + "/chat/completions")


def _require_variable_name(api_key_env: str) -> None:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", api_key_env):
        # Not shown: it may be the key.
        raise ConfigError(
            "api_key_env must be the name of an environment variable such as OPENAI_API_KEY, "
            "not the key itself"
        )


def _require_private_channel(url: httpx.URL) -> None:
    if url.scheme == "http" and not is_loopback(url.host):
        raise ConfigError(
            f"the key of api_key_env would travel unencrypted to {url.host}, readable by "
            "everyone on the way; use https://, or leave out api_key_env"
        )


def _positive(name: str, seconds: float) -> float:
    if not seconds > 0:
        raise ConfigError(f"{name} is {seconds}; it must be more than 0 seconds")
    return seconds


def _read_key(api_key_env: str, *, who: str) -> str:
    key = os.environ.get(api_key_env, "").strip()
    if not key:
        raise BackendRejected(f"{who}: {variable(api_key_env)} is not set, or blank")
    if not re.fullmatch(r"[!-~]+", key):  # else h11 would put the whole key into its error
        raise BackendRejected(
            f"{who}: the key in {variable(api_key_env)} holds a blank or a character outside "
            "ASCII; copy it again"
        )
    return key


# The request


def _headers(key: str | None, *, accept: str) -> dict[str, str]:
    headers = {
        "User-Agent": "edge-router",
        "Content-Type": "application/json",
        "Accept": accept,
        "Accept-Encoding": "identity",  # compression holds back the tokens of a stream
    }
    if key is not None:
        headers["Authorization"] = f"Bearer {key}"
    return headers


def _question(model: str, request: ChatRequest, *, stream: bool, who: str) -> bytes:
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": m.role, "content": m.content} for m in request.messages],
        "max_tokens": request.max_tokens,
        "stream": stream,
    }
    if request.temperature is not None:
        body["temperature"] = request.temperature
    if request.stop:
        body["stop"] = list(request.stop)
    if request.seed is not None:
        body["seed"] = request.seed
    if stream:
        body["stream_options"] = {"include_usage": True}
    try:
        return json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise BackendRejected(f"{who}: the request is not valid JSON ({error})") from None


# The response


def _body(response: httpx.Response) -> bytes:
    body = bytearray()
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > _MAX_REPLY_BYTES:
            raise Malformed(f"the reply is longer than {_MAX_REPLY_BYTES} bytes")
    return bytes(body)


def _error_body(response: httpx.Response) -> str:
    """What the server says about its refusal, as far as it comes soon."""
    body = bytearray()
    with contextlib.suppress(httpx.HTTPError):
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) >= _MAX_ERROR_BYTES:
                break
    return body[:_MAX_ERROR_BYTES].decode(errors="replace")


def _events(response: httpx.Response) -> Iterator[str]:
    parser = SSEParser(max_event_bytes=_MAX_EVENT_BYTES)
    for chunk in response.iter_bytes():
        yield from parser.feed(chunk)
    yield from parser.end()


def _texts(events: Iterator[str], *, answer: Answer, budget: Budget) -> Iterator[str]:
    """The texts of a stream, none of them empty, up to the finish reason or [DONE]."""
    for data in events:
        text = answer.take(data)
        if answer.awake:
            budget.lift()
        if text:
            yield text
        if answer.finish is not None:
            return
    raise httpx.RemoteProtocolError("the stream ended before the answer")


def _hear_out(events: Iterator[str], *, answer: Answer, budget: Budget) -> None:
    """Wait a little for the usage; the answer is complete, so nothing that fails here matters."""
    budget.limit(_LAST_WORDS_S)
    with contextlib.suppress(httpx.HTTPError, EventTooLong, Malformed, ErrorReported):
        while not answer.done and (data := next(events, None)) is not None:
            answer.take(data)
