"""Errors as OpenAI's error objects: every exception becomes a status, a type and a code.

openai-python makes its classes from the status (400 BadRequestError, 401 AuthenticationError, 404
NotFoundError, 429 RateLimitError, 5xx InternalServerError), and leaves retrying to what
`x-should-retry` says. A failure of an expert is never a 401 or a 400 of this server: the caller's
key and request are not at fault.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from edge_router.errors import (
    AllBackendsFailed,
    BackendError,
    BackendProtocolError,
    BackendRejected,
    BudgetReached,
    CatalogError,
    ConfigError,
    ConsentMissing,
    EdgeRouterError,
    EmptyCatalog,
    InvalidRequest,
    MissingExtra,
    NoExpertFits,
    RouterClosed,
)
from edge_router.guards.redaction import without_secrets
from edge_router.routing.deciding.reason import Reason

__all__ = ["NEVER", "Refused", "error_object", "refusal_of"]

NEVER: Mapping[str, str] = {"x-should-retry": "false"}
"""The headers of a refusal that asking again does not change."""

LONGEST = 2_000  # characters of a message
MONEY = frozenset({Reason.MAX_COST, Reason.BUDGET, Reason.TOKEN_BUDGET, Reason.PRICE_UNKNOWN})
PASSING = frozenset(
    {Reason.OFFLINE, Reason.MEMORY, Reason.LOW_BATTERY, Reason.UNREACHABLE, Reason.BUDGET_UNKNOWN}
)


class Refused(Exception):
    """The answer to a request is this error: `status`, and OpenAI's `kind` (its type), `code` and
    `param`; `headers` are sent with it."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str,
        kind: str = "invalid_request_error",
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.kind = kind
        self.param = param
        self.headers = {} if headers is None else dict(headers)


def error_object(refused: Refused) -> dict[str, Any]:
    """OpenAI's error object."""
    message = without_secrets(str(refused))[:LONGEST]
    fields = {"message": message, "type": refused.kind, "param": refused.param}
    return {"error": fields | {"code": refused.code}}


def refusal_of(error: Exception) -> Refused:
    """What a client is told of an exception. Of one that is not ours it is not even told the
    message, which may hold anything."""
    if isinstance(error, Refused):
        return error
    for kind, explain in EXPLAINED.items():  # the first that fits
        if isinstance(error, kind):
            return explain(error)
    words = f"unexpected {type(error).__name__} in the server"
    return Refused(500, words, code="internal_error", kind="server_error", headers=NEVER)


def _unfit(error: NoExpertFits) -> Refused:
    """No expert may answer: the limits on cost, the device's state, or the request itself."""
    reasons = {*error.excluded.values()}
    if reasons and reasons <= MONEY:
        code, headers = "insufficient_quota", dict(NEVER)
        if isinstance(error, BudgetReached):
            headers["retry-after"] = str(max(1, math.ceil(error.retry_after_s)))
        return Refused(429, str(error), code=code, kind=code, headers=headers)
    if reasons & PASSING:
        return Refused(503, str(error), code="no_expert_available", kind="server_error")
    too_long = Reason.CONTEXT_LENGTH in reasons
    return Refused(
        400, str(error), code="context_length_exceeded" if too_long else "no_expert_fits"
    )


def _unanswered(error: AllBackendsFailed) -> Refused:
    failures = error.failures.values()
    waits = [one.retry_after_s for one in failures if one.retry_after_s is not None]
    headers = {"retry-after": str(max(1, math.ceil(min(waits))))} if waits else {}
    return Refused(503, str(error), code="no_expert_answered", kind="server_error", headers=headers)


def _failed(error: BackendError) -> Refused:
    """One expert's failure, which ended the answer."""
    if isinstance(error, ConsentMissing):
        return Refused(403, str(error), code="consent_missing", headers=NEVER)
    if isinstance(error, BackendRejected):
        return Refused(
            502, str(error), code="expert_rejected", kind="upstream_error", headers=NEVER
        )
    broken = isinstance(error, BackendProtocolError)
    code = "expert_broke_off" if broken else "expert_unavailable"
    return Refused(502 if broken else 503, str(error), code=code, kind="upstream_error")


def _catalog(_: Exception) -> Refused:
    """A client knows nothing of the file; whoever runs the server reads of it in the log."""
    words = "the agents cannot be read now; the log of the server says why"
    return Refused(503, words, code="agents_unavailable", kind="server_error")


def _stopping(_: Exception) -> Refused:
    return Refused(503, "the server is stopping", code="stopping", kind="server_error")


def _bad(code: str) -> Callable[[Any], Refused]:
    """A fault of the request."""
    return lambda error: Refused(400, str(error), code=code)


def _own(code: str) -> Callable[[Any], Refused]:
    """A fault of this installation."""
    return lambda error: Refused(500, str(error), code=code, kind="server_error", headers=NEVER)


EXPLAINED: Mapping[type[Exception], Callable[[Any], Refused]] = {
    InvalidRequest: _bad("invalid_request"),
    NoExpertFits: _unfit,
    AllBackendsFailed: _unanswered,
    BackendError: _failed,
    RouterClosed: _stopping,
    CatalogError: _catalog,
    EmptyCatalog: lambda error: Refused(404, str(error), code="no_agents"),
    MissingExtra: _own("not_installed"),
    ConfigError: _bad("invalid_value"),
    EdgeRouterError: _own("router_error"),
}
