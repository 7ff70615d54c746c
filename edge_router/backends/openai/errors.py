"""The one place that says what a failed call means: statuses, error bodies and exceptions become
the BackendError family, and no message shows the key or the prompt."""

from __future__ import annotations

import calendar
import contextlib
import math
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

import httpx

from edge_router.errors import (
    BackendError,
    BackendProtocolError,
    BackendRejected,
    BackendUnavailable,
)

from ..deadline import Deadline
from .access import variable
from .content import Malformed, json_object
from .redaction import Redaction
from .reply import Answer, ErrorReported, ToolCalled, Unfinished
from .request import BOUNDS
from .sse import EventTooLong

__all__ = ["Failures", "broken_once_begun"]

_LONGEST_RETRY_S = 86_400.0  # whoever says more is not known to mean it
_ORIGIN = re.compile(
    r"(?P<scheme>https?:)?//([^/\\?#\s@]*@)?(?P<host>([\w.-]{1,100}|\[[\da-f:.]{1,45}\])(:\d{1,5})?)"
    r"(?=[/?#]|$)",
    re.IGNORECASE,
)
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
    """What may go wrong with one call, told in its terms. `who` is the expert, for messages.

    `closed` tells whether the backend was closed meanwhile.
    """

    who: str
    deadline: Deadline
    api_key_env: str | None
    redaction: Redaction = field(repr=False)
    closed: Callable[[], bool]
    process: int = field(default_factory=os.getpid)

    @contextlib.contextmanager
    def explained(self) -> Iterator[None]:
        """Turn what others raise into the BackendError family.

        `from None`, because their messages and frames can hold the key.
        """
        try:
            yield
        except (ErrorReported, ToolCalled) as report:
            raise self._reported(report) from None
        except (Malformed, EventTooLong, httpx.DecodingError) as error:
            raise BackendProtocolError(self._say(str(error))) from None
        except (httpx.HTTPError, Unfinished) as error:
            raise self.ended() or BackendUnavailable(self._say(self._reason(error))) from None

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
        """Raise BackendUnavailable where nothing more may be asked."""
        self.require_ours()
        self.deadline.check(self.who)

    def refused(self, response: httpx.Response, body: str) -> BackendError:
        """The error that a response other than 2xx stands for."""
        if error := self.ended():
            return error
        status, told = response.status_code, _explanation(body)
        if _is_passing_status(status):
            message = self._say(f"HTTP {status}", told)
            return BackendUnavailable(message, retry_after_s=_retry_after(response))
        if response.has_redirect_location:
            told = _origin(response.headers["location"])
        return BackendRejected(self._say(f"HTTP {status}{self._fix(response)}", told))

    def unbounded(self, body: str) -> BackendError:
        """The error of a server that knows no limit of an answer's length by any name."""
        what = f"it takes neither {' nor '.join(BOUNDS)}, and an answer must be bounded"
        return BackendRejected(self._say(what, _explanation(body)))

    def _reported(self, report: ErrorReported | ToolCalled) -> BackendError:
        if isinstance(report, ToolCalled):
            return BackendRejected(
                f"{self.who}: the model calls a tool; this version does not pass tool calls"
            )
        told = report.error if isinstance(report.error, str) else _error_text(report.error)
        message = self._say("the server reports an error", told)
        passing = _is_passing(report.error)
        return BackendUnavailable(message) if passing else BackendRejected(message)

    def _reason(self, error: httpx.HTTPError | Unfinished) -> str:
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

    def _say(self, what: str, told: str = "") -> str:
        """One line that names the expert; `what` may quote the server, `told` always does."""
        quoted = self.redaction.line(told)
        return f"{self.who}: {self.redaction.line(what)}" + (f" ({quoted})" if quoted else "")


@contextlib.contextmanager
def broken_once_begun(answer: Answer, failures: Failures) -> Iterator[None]:
    """After the first text nobody else may be asked: every failure is then a broken answer, but
    for an end that this side made."""
    try:
        yield
    except BackendError as error:
        if not answer.begun or failures.ended() is not None:
            raise
        raise BackendProtocolError(f"the answer broke off: {error}") from None


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
    if isinstance(reply, list):  # pydantic's; the input that it repeats is not looked at
        told = (_error_text(part, depth - 1) for part in reply[:4])
        return "; ".join(text for text in told if text)
    if not isinstance(reply, dict):
        return ""
    place, fault = reply.get("loc"), reply.get("msg")
    if isinstance(fault, str) and isinstance(place, list):
        return f"{'.'.join(part for part in place if isinstance(part, str))}: {fault}"
    for name in ("error", "message", "detail", "error_message", "msg"):
        if found := _error_text(reply.get(name), depth - 1):
            return found
    return ""


def _is_passing_status(status: int) -> bool:
    return status in _RETRIABLE or status >= 500


def _is_passing(error: object) -> bool:
    """Whether an error object tells of a trouble that another expert need not have."""
    if not isinstance(error, dict):
        return False
    code = next((str(c) for c in (error.get("code"), error.get("status")) if _is_plain(c)), "")
    if re.fullmatch("[0-9]{3}", code):
        return _is_passing_status(int(code))
    kind = error.get("type")
    told = f"{kind if isinstance(kind, str) else ''} {code}".lower()
    return any(word in told for word in _RETRIABLE_WORDS)


def _is_plain(code: object) -> bool:
    return isinstance(code, str) or type(code) is int


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds until the server wants to be asked again (RFC 9110, section 10.2.3)."""
    told = response.headers.get("retry-after", "").strip()
    try:
        seconds = float(told)
    except ValueError:
        return _seconds_until(told)
    return min(seconds, _LONGEST_RETRY_S) if math.isfinite(seconds) and seconds >= 0 else None


def _seconds_until(date: str) -> float | None:
    try:
        moment = calendar.timegm(parsedate_to_datetime(date).utctimetuple())
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
    return min(max(0.0, moment - time.time()), _LONGEST_RETRY_S)
