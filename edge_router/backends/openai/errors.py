"""What a failed call means: statuses, error bodies and exceptions become the BackendError family.

No message shows the key or the prompt.
"""

from __future__ import annotations

import calendar
import contextlib
import json
import math
import re
import time
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

import httpx

from edge_router.errors import (
    BackendError,
    BackendProtocolError,
    BackendRejected,
    BackendUnavailable,
    ContextExceeded,
)

from ..deadline import Deadline
from .events import EventTooLong, Malformed, compression, json_object
from .oddities import ErrorReported, ToolCalled, Unfinished
from .overflow import is_overflow
from .redaction import Redaction
from .request import variable
from .settings import BOUNDS

__all__ = ["EXPLAINED", "Failure", "refusal_body"]

_MAX_ERROR_BYTES = 64 << 10
_LONGEST_RETRY_S = 86_400.0  # a longer time is taken for a mistake
_ORIGIN = re.compile(
    r"(?P<scheme>https?:)?//([^/\\?#\s@]*@)?(?P<host>([\w.-]{1,100}|\[[\da-f:.]{1,45}\])(:\d{1,5})?)"
    r"(?=[/?#]|$)",
    re.IGNORECASE,
)
TOO_LONG = "the request is longer than the model's context"
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


EXPLAINED = (
    BackendError, ErrorReported, ToolCalled, Malformed, EventTooLong, Unfinished, httpx.HTTPError
)  # fmt: skip
"""The exceptions that `Failure.of` takes."""


@dataclass(frozen=True, slots=True)
class Failure:
    """The meaning of one failed call. `who` is the expert, for messages.

    `ended` is the error of a call that was ended on this side, else None; it goes before the errors
    that follow from it. `begun` says that there was a piece of text.
    """

    who: str
    deadline: Deadline
    api_key_env: str | None
    redaction: Redaction = field(repr=False)
    ended: BackendUnavailable | None = None
    begun: bool = False

    def of(self, error: Exception) -> BackendError:
        """The error to raise for one of EXPLAINED; a BackendError is returned as it is.

        After the first text no other expert may be asked: every failure is then a broken answer,
        unless the call was ended on this side.
        """
        meant = error if isinstance(error, BackendError) else self._meaning(error)
        if not self.begun or self.ended is not None:
            return meant
        return BackendProtocolError(f"the answer broke off: {meant}")

    def _meaning(self, error: Exception) -> BackendError:
        if isinstance(error, (ErrorReported, ToolCalled)):
            return self._reported(error)
        if isinstance(error, (Malformed, EventTooLong, httpx.DecodingError)):
            return BackendProtocolError(self._say(str(error)))
        return self.ended or BackendUnavailable(self._say(self._reason(error)))

    def refused(self, response: httpx.Response, body: str) -> BackendError:
        """The error for a response other than 2xx."""
        if self.ended is not None:
            return self.ended
        status, words = response.status_code, _explanation(body)
        if is_overflow(status, body):
            return ContextExceeded(self._say(TOO_LONG, words))
        if _is_passing_status(status):
            message = self._say(f"HTTP {status}", words)
            return BackendUnavailable(message, retry_after_s=_retry_after(response))
        if response.has_redirect_location:
            words = _origin(response.headers["location"])
        return BackendRejected(self._say(f"HTTP {status}{self._fix(response)}", words))

    def unbounded(self, body: str) -> BackendError:
        """The error of a server that takes no limit of an answer's length by any name."""
        what = f"it takes neither {' nor '.join(BOUNDS)}, and an answer must be bounded"
        return BackendRejected(self._say(what, _explanation(body)))

    def _reported(self, report: ErrorReported | ToolCalled) -> BackendError:
        if isinstance(report, ToolCalled):
            return BackendRejected(
                f"{self.who}: the model calls a tool, although the request has none"
            )
        words = report.error if isinstance(report.error, str) else _error_text(report.error)
        if is_overflow(400, json.dumps(report.error)):
            return ContextExceeded(self._say(TOO_LONG, words))
        message = self._say("the server reports an error", words)
        passing = _is_passing(report.error)
        return BackendUnavailable(message) if passing else BackendRejected(message)

    def _reason(self, error: Exception) -> str:
        if not isinstance(error, httpx.TimeoutException):
            return str(error) or type(error).__name__
        if time.monotonic() >= self.deadline.at:
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

    def _say(self, what: str, words: str = "") -> str:
        """One line that names the expert; `what` may quote the server, `words` does."""
        quoted = self.redaction.line(words)
        return f"{self.who}: {self.redaction.line(what)}" + (f" ({quoted})" if quoted else "")


def refusal_body(response: httpx.Response) -> str:
    """The server's explanation of its refusal, as far as it arrives soon; "" if compressed."""
    body = bytearray()
    if compression(response.headers.get("content-encoding", "")):
        return ""
    with contextlib.suppress(httpx.HTTPError):
        for chunk in response.iter_raw():
            body += chunk
            if len(body) >= _MAX_ERROR_BYTES:
                break
    return body[:_MAX_ERROR_BYTES].decode(errors="replace")


def _origin(location: str) -> str:
    """Scheme and host of a redirect; its path may quote the prompt."""
    match = _ORIGIN.match(location)
    return f"{match['scheme'] or ''}//{match['host']}" if match else ""


def _explanation(body: str) -> str:
    try:
        return _error_text(json_object(body.strip().removeprefix("[").removesuffix("]"))) or body
    except Malformed:
        return body


def _error_text(reply: object, depth: int = 3) -> str:
    """The message in OpenAI's error object, or in the shapes that other servers use."""
    if isinstance(reply, str) or depth == 0:
        return reply if isinstance(reply, str) else ""
    if isinstance(reply, list):  # pydantic's; it repeats the input elsewhere
        texts = (_error_text(part, depth - 1) for part in reply[:4])
        return "; ".join(text for text in texts if text)
    if not isinstance(reply, dict):
        return ""
    place, fault = reply.get("loc"), reply.get("msg")
    if isinstance(fault, str) and isinstance(place, list):
        return f"{'.'.join(part for part in place if isinstance(part, str))}: {fault}"
    for name in ("error", "message", "detail", "error_message", "msg"):
        if text := _error_text(reply.get(name), depth - 1):
            return text
    return ""


def _is_passing_status(status: int) -> bool:
    return status in _RETRIABLE or status >= 500


def _is_passing(error: object) -> bool:
    """Whether an error object is about a trouble of this server alone: load, quota, outage."""
    if not isinstance(error, dict):
        return False
    code = next((str(c) for c in (error.get("code"), error.get("status")) if _is_plain(c)), "")
    if re.fullmatch("[0-9]{3}", code):
        return _is_passing_status(int(code))
    kind = error.get("type")
    codes = f"{kind if isinstance(kind, str) else ''} {code}".lower()
    return any(word in codes for word in _RETRIABLE_WORDS)


def _is_plain(code: object) -> bool:
    return isinstance(code, str) or type(code) is int


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds until the server wants the next request (RFC 9110, section 10.2.3)."""
    moment = response.headers.get("retry-after", "").strip()
    try:
        seconds = float(moment)
    except ValueError:
        return _seconds_until(moment)
    return min(seconds, _LONGEST_RETRY_S) if math.isfinite(seconds) and seconds >= 0 else None


def _seconds_until(date: str) -> float | None:
    try:
        moment = calendar.timegm(parsedate_to_datetime(date).utctimetuple())
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
    return min(max(0.0, moment - time.time()), _LONGEST_RETRY_S)
