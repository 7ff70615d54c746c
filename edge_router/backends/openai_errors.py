"""The one place that says what a failed call means: statuses, error bodies and exceptions become
the BackendError family, and no message shows the key."""

from __future__ import annotations

import calendar
import contextlib
import math
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from ..errors import BackendError, BackendProtocolError, BackendRejected, BackendUnavailable
from .base import Deadline
from .openai_reply import Answer, ErrorReported, Malformed, json_object
from .sse import EventTooLong

__all__ = ["Failures", "broken_once_begun", "variable"]

_MAX_CHARS = 200
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
class Failures:
    """What may go wrong with one call, told in its terms. `who` is the expert, for messages."""

    who: str
    deadline: Deadline
    api_key_env: str | None
    key: str | None = field(repr=False)

    @contextlib.contextmanager
    def explained(self) -> Iterator[None]:
        """Turn what others raise into the BackendError family.

        `from None`, because their messages and frames can hold the key.
        """
        try:
            yield
        except httpx.UnsupportedProtocol as error:
            raise BackendRejected(self._say(str(error))) from None
        except ErrorReported as report:
            raise self._reported(report.error) from None
        except (Malformed, EventTooLong, httpx.DecodingError) as error:
            raise BackendProtocolError(self._say(str(error))) from None
        except httpx.HTTPError as error:
            raise BackendUnavailable(self._say(self._reason(error))) from None

    def refused(self, response: httpx.Response, body: str) -> BackendError:
        """The error that a response other than 2xx stands for."""
        status, told = response.status_code, _explanation(body)
        if _is_passing_status(status):
            message = self._say(f"HTTP {status}", told)
            return BackendUnavailable(message, retry_after_s=_retry_after(response))
        if response.has_redirect_location:
            told = response.headers["location"]
        return BackendRejected(self._say(f"HTTP {status}{self._fix(response)}", told))

    def _reported(self, error: object) -> BackendError:
        message = self._say("the server reports an error", _error_text({"error": error}))
        return BackendUnavailable(message) if _is_passing(error) else BackendRejected(message)

    def _reason(self, error: httpx.HTTPError) -> str:
        if not isinstance(error, httpx.TimeoutException):
            return str(error) or type(error).__name__
        if self.deadline.remaining() <= 0:
            return "ran out of time"
        return "no connection" if isinstance(error, httpx.ConnectTimeout) else "no answer in time"

    def _fix(self, response: httpx.Response) -> str:
        if response.has_redirect_location:
            return " redirects; check base_url"
        if response.status_code == 404:
            return ": check base_url and the model"
        if response.status_code not in (401, 403):
            return ": the request was refused"
        if self.api_key_env is None:
            return ": it wants a key; name the environment variable that holds it in api_key_env"
        return f": check the key in {variable(self.api_key_env)}"

    def _say(self, what: str, told: str = "") -> str:
        """One line that names the expert; `what` may quote the server, `told` always does."""
        quoted = self._presentable(told)
        return f"{self.who}: {self._presentable(what)}" + (f" ({quoted})" if quoted else "")

    def _presentable(self, text: str) -> str:
        """On one line, without the key, and only then cut: half a key is too much."""
        line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
        return (line.replace(self.key, "***") if self.key else line)[:_MAX_CHARS]


@contextlib.contextmanager
def broken_once_begun(answer: Answer) -> Iterator[None]:
    """After the first text nobody else may be asked: every failure is then a broken answer."""
    try:
        yield
    except BackendError as error:
        if not answer.begun:
            raise
        raise BackendProtocolError(f"the answer broke off: {error}") from None


def variable(name: str) -> str:
    """How a message names the variable `name`: not at all when the key was pasted there."""
    looks_like_a_key = (
        len(name) > 40
        or name.startswith(("sk-", "gsk_"))
        or (re.search("[a-z]", name) and re.search("[0-9]", name))
    )
    return "the variable named by api_key_env" if looks_like_a_key else f"${name}"


def _explanation(body: str) -> str:
    try:
        return _error_text(json_object(body)) or body
    except Malformed:
        return body


def _error_text(reply: Mapping[str, Any]) -> str:
    """The message in OpenAI's error object, or in the shapes that other servers use."""
    error = reply.get("error")
    if isinstance(error, dict):
        error = error.get("message")
    for told in (error, reply.get("message"), reply.get("detail")):
        if isinstance(told, str) and told:
            return told
    return ""


def _is_passing_status(status: int) -> bool:
    return status in _RETRIABLE or status >= 500


def _is_passing(error: object) -> bool:
    """Whether an error object tells of a trouble that another expert need not have."""
    if not isinstance(error, dict):
        return False
    code = str(error.get("code"))
    if re.fullmatch("[0-9]{3}", code):
        return _is_passing_status(int(code))
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
