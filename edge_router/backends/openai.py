"""An expert behind any OpenAI-compatible HTTP server: a cloud, llama-server, Ollama."""

from __future__ import annotations

import calendar
import contextlib
import json
import math
import os
import re
import time
import uuid
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from ..chat import ChatChunk, ChatCompletion, ChatRequest, FinishReason, Usage
from ..errors import (
    BackendError,
    BackendProtocolError,
    BackendRejected,
    BackendUnavailable,
    ConfigError,
)
from .base import Deadline
from .sse import EventTooLong, SSEParser
from .transport import Budget, DeadlineTransport, is_loopback

__all__ = ["OpenAIBackend"]

_MAX_REPLY_BYTES = 16 << 20
_MAX_EVENT_BYTES = 1 << 20
_MAX_ERROR_BYTES = 64 << 10
_MAX_TOLD_CHARS = 200
_ERROR_BODY_S = 2.0  # the status already decides; its explanation is not worth a longer wait
_LAST_WORDS_S = 1.0  # for usage and [DONE], once the answer is complete
_DRAIN_S = 0.05  # for the end of the body, so that the connection can be used again


class OpenAIBackend:
    """Asks `model` at `{base_url}/chat/completions`.

    The key is read from the environment variable named `api_key_env` at each call and kept
    nowhere. `first_token_timeout_s` bounds the wait for the first streamed token (reasoning
    counts), and in `complete` the wait for the response's headers; many servers send these only
    with the finished answer. Times are in seconds. A `transport` of your own keeps its own time.
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
        self._api_key_env = _variable_name(api_key_env)
        if api_key_env is not None:
            _require_private_channel(self._url, api_key_env)
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
        call = self._call(deadline)
        with call.explained(), self._exchange(call, request, stream=False) as response:
            call.budget.lift()
            reply = _json_object(_read_all(response.iter_bytes()))
            if reply.get("error"):
                raise call.reported(reply["error"])
            return _completion(reply, model=self.model)

    def stream(
        self, request: ChatRequest, *, deadline: Deadline
    ) -> Generator[ChatChunk, None, None]:
        """The answer in pieces; closing the generator closes the connection.

        Raises only the BackendError family: BackendUnavailable before the first piece of text,
        BackendProtocolError when the stream breaks off after it.
        """
        call = self._call(deadline)
        answer = _Answer(self.model)
        with call.explained(answer), self._exchange(call, request, stream=True) as response:
            events = _events(response)
            for delta in _deltas(events, call=call, answer=answer):
                yield answer.piece(delta)
            yield answer.last_piece()
            call.budget.limit(_DRAIN_S)
            with contextlib.suppress(httpx.HTTPError, EventTooLong):
                for _ in events:
                    pass

    def close(self) -> None:
        """Close every connection; may be called twice."""
        self._client.close()

    def _call(self, deadline: Deadline) -> _Call:
        who = f"{self.model} at {self.base_url}"
        deadline.check(who)
        return _Call(
            who=who,
            key_env=self._api_key_env,
            key=_read_key(self._api_key_env, who=who),
            deadline=deadline,
            budget=Budget(deadline),
        )

    @contextlib.contextmanager
    def _exchange(
        self, call: _Call, request: ChatRequest, *, stream: bool
    ) -> Iterator[httpx.Response]:
        """Send the request; what comes out is a response with status 2xx, its body unread."""
        call.budget.limit(self._first_token_timeout_s)
        try:
            response = self._client.send(
                self._client.build_request(
                    "POST",
                    self._url,
                    content=_body(self.model, request, stream=stream, who=call.who),
                    headers=_headers(call.key, stream=stream),
                    # The budget is tighter; httpx would fix today's value for the whole body.
                    timeout=httpx.Timeout(
                        call.deadline.remaining(), connect=self._connect_timeout_s
                    ),
                    extensions={"deadline": call.budget},
                ),
                stream=True,
            )
        except RuntimeError as error:  # httpx: the client has been closed
            raise BackendUnavailable(f"{call.who}: {error}") from None
        try:
            if not response.is_success:
                raise call.refused(response)
            _require_type(response, "text/event-stream" if stream else "application/json")
            yield response
        finally:
            response.close()


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


def _variable_name(api_key_env: str | None) -> str | None:
    if api_key_env is not None and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", api_key_env):
        # Not shown: it may be the key.
        raise ConfigError(
            "api_key_env must be the name of an environment variable such as OPENAI_API_KEY, "
            "not the key itself"
        )
    return api_key_env


def _require_private_channel(url: httpx.URL, api_key_env: str) -> None:
    if url.scheme == "http" and not is_loopback(url.host):
        raise ConfigError(
            f"the key in ${api_key_env} would travel unencrypted to {url.host}, readable by "
            "everyone on the way; use https://, or leave out api_key_env"
        )


def _positive(name: str, seconds: float) -> float:
    if not seconds > 0:
        raise ConfigError(f"{name} is {seconds}; it must be more than 0 seconds")
    return seconds


def _read_key(api_key_env: str | None, *, who: str) -> str | None:
    if api_key_env is None:
        return None
    key = os.environ.get(api_key_env, "").strip()
    if not key:
        raise BackendRejected(f"{who}: the environment variable {api_key_env} holds no key; set it")
    if not re.fullmatch(r"[!-~]+", key):  # else h11 would put the whole key into its error
        raise BackendRejected(
            f"{who}: the key in ${api_key_env} holds a blank or a character outside ASCII; "
            "copy it again"
        )
    return key


# The request


def _headers(key: str | None, *, stream: bool) -> dict[str, str]:
    headers = {
        "User-Agent": "edge-router",
        "Content-Type": "application/json",
        "Accept": "text/event-stream" if stream else "application/json",
        "Accept-Encoding": "identity",  # compression holds back the tokens of a stream
    }
    if key is not None:
        headers["Authorization"] = f"Bearer {key}"
    return headers


def _body(model: str, request: ChatRequest, *, stream: bool, who: str) -> bytes:
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": m.role, "content": m.content} for m in request.messages],
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "stream": stream,
    }
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


# The reply


class _Malformed(ValueError):
    """The reply is not what the protocol allows; becomes a BackendProtocolError."""


class _BrokeOff(Exception):
    """The stream ended before the answer did."""


def _require_type(response: httpx.Response, expected: str) -> None:
    """Servers are careless with this header, so refuse only what is surely something else."""
    told = response.headers.get("content-type", "").split(";")[0].strip().lower()
    unfit = ("html", "json") if expected == "text/event-stream" else ("html", "event-stream")
    if any(word in told for word in unfit):
        raise _Malformed(f"expected {expected}, got {told}; check base_url")


def _read_all(chunks: Iterable[bytes]) -> bytes:
    body = bytearray()
    for chunk in chunks:
        body += chunk
        if len(body) > _MAX_REPLY_BYTES:
            raise _Malformed(f"the reply is longer than {_MAX_REPLY_BYTES} bytes")
    return bytes(body)


def _events(response: httpx.Response) -> Iterator[str]:
    parser = SSEParser(max_event_bytes=_MAX_EVENT_BYTES)
    for chunk in response.iter_bytes():
        yield from parser.feed(chunk)
    yield from parser.end()


def _json_object(text: str | bytes) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise _Malformed("malformed JSON") from None  # not shown: it may hold the answer
    if not isinstance(value, dict):
        raise _Malformed(f"expected a JSON object, got {type(value).__name__}")
    return value


def _first_choice(reply: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The first choice, or None where the list of choices is there and empty."""
    choices = reply.get("choices")
    if not isinstance(choices, list):
        raise _Malformed("the reply has no choices")
    if not choices:
        return None
    if not isinstance(choices[0], dict):
        raise _Malformed("the first choice is not an object")
    return choices[0]


def _text(holder: object, name: str) -> str:
    """The text called `name`; absent or null is empty, as in a refusal or a tool call."""
    value = holder.get(name) if isinstance(holder, dict) else None
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _Malformed(f"{name} is not text but {type(value).__name__}")
    return value


def _finish_reason(told: object) -> FinishReason:
    """Unknown reasons (tool_calls, a server's own, null at the end) mean: it stopped."""
    if told == "length":
        return "length"
    return "content_filter" if told == "content_filter" else "stop"


def _usage(told: object) -> Usage | None:
    if not isinstance(told, dict):
        return None
    read, written = told.get("prompt_tokens"), told.get("completion_tokens")
    if not (type(read) is type(written) is int and read >= 0 and written >= 0):
        return None
    return Usage(read, written)


def _name_or(told: object, fallback: str) -> str:
    return told if isinstance(told, str) and told else fallback


def _new_id() -> str:
    return f"chatcmpl-{uuid.uuid4().hex}"


def _completion(reply: Mapping[str, Any], *, model: str) -> ChatCompletion:
    choice = _first_choice(reply)
    if choice is None or not isinstance(choice.get("message"), dict):
        raise _Malformed("the reply has no message")
    return ChatCompletion(
        id=_name_or(reply.get("id"), _new_id()),
        model=_name_or(reply.get("model"), model),
        text=_text(choice["message"], "content"),
        finish_reason=_finish_reason(choice.get("finish_reason")),
        usage=_usage(reply.get("usage")),
    )


class _Answer:
    """What a stream has told so far. Every piece carries the id and model that came first."""

    __slots__ = ("finish", "id", "model", "named", "started", "usage")

    def __init__(self, model: str) -> None:
        self.id = _new_id()
        self.model = model
        self.named = False
        self.started = False  # text has been handed out: too late to ask another expert
        self.finish: FinishReason | None = None
        self.usage: Usage | None = None

    def take(self, chunk: Mapping[str, Any]) -> Mapping[str, Any]:
        """Note what `chunk` says about the answer; returns its delta."""
        self._take_name(chunk)
        self.usage = _usage(chunk.get("usage")) or self.usage
        if "choices" not in chunk and self.usage is not None:
            return {}
        choice = _first_choice(chunk)
        if choice is None or self.finish is not None:
            return {}
        if choice.get("finish_reason") is not None:
            self.finish = _finish_reason(choice["finish_reason"])
        delta = choice.get("delta")
        return delta if isinstance(delta, dict) else {}

    def piece(self, delta: str) -> ChatChunk:
        self.started = True
        return ChatChunk(self.id, self.model, delta)

    def last_piece(self) -> ChatChunk:
        return ChatChunk(self.id, self.model, "", self.finish or "stop", self.usage)

    def _take_name(self, chunk: Mapping[str, Any]) -> None:
        if not self.named and isinstance(chunk.get("id"), str):
            self.id = _name_or(chunk["id"], self.id)
            self.model = _name_or(chunk.get("model"), self.model)
            self.named = True


def _deltas(events: Iterator[str], *, call: _Call, answer: _Answer) -> Iterator[str]:
    """The texts of a stream, none of them empty. After the last one `answer.finish` is set."""
    try:
        for data in events:
            if data.strip() == "[DONE]":
                answer.finish = answer.finish or "stop"
                return
            if data.strip():
                yield from _delta(_json_object(data), call=call, answer=answer)
            if answer.finish is not None and answer.usage is not None:
                return
    except (httpx.HTTPError, EventTooLong, _Malformed):
        if answer.finish is None:
            raise
    if answer.finish is None:
        raise _BrokeOff


def _delta(chunk: Mapping[str, Any], *, call: _Call, answer: _Answer) -> Iterator[str]:
    if chunk.get("error") and answer.finish is None:
        raise call.reported(chunk["error"], started=answer.started)
    unfinished = answer.finish is None
    delta = answer.take(chunk)
    text = _text(delta, "content")
    if text or _reasons(delta):
        call.budget.lift()
    if unfinished and answer.finish is not None:
        call.budget.limit(_LAST_WORDS_S)
    if text:
        yield text


def _reasons(delta: Mapping[str, Any]) -> bool:
    """Whether a reasoning model is thinking aloud: no text yet, but it is at work."""
    return bool(delta.get("reasoning_content") or delta.get("reasoning"))


# Failures


_RETRIABLE = frozenset({408, 429})
_RETRIABLE_WORDS = (
    "rate_limit",
    "overload",
    "unavailable",
    "timeout",
    "server_error",
    "internal_error",
    "insufficient_quota",
)


@dataclass(frozen=True, slots=True)
class _Call:
    """One request under way, and the one place that says what its failures mean."""

    who: str
    key_env: str | None
    key: str | None = field(repr=False)
    deadline: Deadline
    budget: Budget

    @contextlib.contextmanager
    def explained(self, answer: _Answer | None = None) -> Iterator[None]:
        """Turn what others raise into the BackendError family.

        `from None`, because their messages and frames can hold the key.
        """
        try:
            yield
        except httpx.UnsupportedProtocol as error:
            raise BackendRejected(self._say(str(error))) from None
        except (_Malformed, EventTooLong, httpx.DecodingError) as error:
            raise BackendProtocolError(self._say(str(error))) from None
        except _BrokeOff:
            raise self._broken("the stream ended before the answer", answer) from None
        except httpx.HTTPError as error:
            raise self._broken(self._reason(error), answer) from None

    def refused(self, response: httpx.Response) -> BackendError:
        """The error that a response other than 2xx stands for; reads its body."""
        status = response.status_code
        if status in _RETRIABLE or status >= 500:
            message = self._say(f"HTTP {status}", self._told(response))
            return BackendUnavailable(message, retry_after_s=_retry_after(response))
        if response.has_redirect_location:
            target = response.headers["location"]
            return BackendRejected(self._say(f"HTTP {status} redirects; check base_url", target))
        fix = f"HTTP {status}: {self._fix(status)}"
        return BackendRejected(self._say(fix, self._told(response)))

    def reported(self, error: object, *, started: bool = False) -> BackendError:
        """The error that an error object in a 2xx reply stands for."""
        message = self._say("the server reports an error", _error_text({"error": error}))
        if started:
            return BackendProtocolError(message)
        return BackendUnavailable(message) if _is_passing(error) else BackendRejected(message)

    def _broken(self, why: str, answer: _Answer | None) -> BackendError:
        if answer is not None and answer.started:
            return BackendProtocolError(self._say(f"the stream broke off: {why}"))
        return BackendUnavailable(self._say(why))

    def _reason(self, error: httpx.HTTPError) -> str:
        if not isinstance(error, httpx.TimeoutException):
            return str(error) or type(error).__name__
        if self.deadline.remaining() <= 0:
            return "ran out of time"
        return "no connection" if isinstance(error, httpx.ConnectTimeout) else "no answer in time"

    def _fix(self, status: int) -> str:
        if status in (401, 403):
            if self.key_env is None:
                return "it wants a key; name the environment variable that holds it in api_key_env"
            return f"check the key in ${self.key_env}"
        return "check base_url and the model" if status == 404 else "the request was refused"

    def _told(self, response: httpx.Response) -> str:
        """What the server says about its refusal, as far as it comes soon."""
        self.budget.limit(_ERROR_BODY_S)
        body = bytearray()
        with contextlib.suppress(httpx.HTTPError):
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) >= _MAX_ERROR_BYTES:
                    break
        text = body[:_MAX_ERROR_BYTES].decode(errors="replace")
        try:
            return _error_text(_json_object(text)) or text
        except _Malformed:
            return text

    def _say(self, what: str, told: str = "") -> str:
        """One line that names the expert; the server's words are cut, the key is masked."""
        cut = self._masked(told)[:_MAX_TOLD_CHARS]
        return f"{self.who}: {self._masked(what)}" + (f" ({cut})" if cut else "")

    def _masked(self, text: str) -> str:
        line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
        return line if self.key is None else line.replace(self.key, "***")


def _error_text(reply: Mapping[str, Any]) -> str:
    """The message in OpenAI's error object, or in the shapes that other servers use."""
    error = reply.get("error")
    if isinstance(error, dict):
        error = error.get("message")
    for told in (error, reply.get("message"), reply.get("detail")):
        if isinstance(told, str) and told:
            return told
    return ""


def _is_passing(error: object) -> bool:
    """Whether an error object tells of a trouble that another expert need not have."""
    if not isinstance(error, dict):
        return False
    code = str(error.get("code"))
    if code.isdecimal():
        return int(code) in _RETRIABLE or int(code) >= 500
    kind = f"{error.get('type')} {code}".lower()
    return any(word in kind for word in _RETRIABLE_WORDS)


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds until the server wants to be asked again (RFC 9110, section 10.2.3)."""
    told = response.headers.get("retry-after", "").strip()
    try:
        seconds = float(told)
    except ValueError:
        return _seconds_until(told)
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _seconds_until(date: str) -> float | None:
    try:
        moment = calendar.timegm(parsedate_to_datetime(date).utctimetuple())
    except (ValueError, OverflowError):
        return None
    return max(0.0, moment - time.time())
