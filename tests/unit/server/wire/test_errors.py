"""Every exception has a status, and none shows what it must not."""

from __future__ import annotations

import pytest

from edge_router import errors
from edge_router.errors import (
    AllBackendsFailed,
    BackendProtocolError,
    BackendRejected,
    BackendUnavailable,
    ConfigError,
    ConsentMissing,
    InvalidRequest,
    MissingExtra,
    NoExpertFits,
    RouterClosed,
)
from edge_router.routing.deciding.reason import Reason
from edge_router.server.wire.errors import Refused, error_object, refusal_of


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (InvalidRequest("no user turn"), 400, "invalid_request"),
        (ConfigError("no such point"), 400, "invalid_value"),
        (BackendRejected("wrong key"), 502, "expert_rejected"),
        (ConsentMissing("asks first", kinds=("email",)), 403, "consent_missing"),
        (BackendProtocolError("broke"), 502, "expert_broke_off"),
        (BackendUnavailable("down"), 503, "expert_unavailable"),
        (AllBackendsFailed({"a": BackendUnavailable("down")}), 503, "no_expert_answered"),
        (RouterClosed("closed"), 503, "stopping"),
        (MissingExtra("llama-cpp-python", "local"), 500, "not_installed"),
        (ZeroDivisionError("secret"), 500, "internal_error"),
    ],
)
def test_each_error_has_its_status(error: Exception, status: int, code: str) -> None:
    """A failure of an expert is never the caller's own 400 or 401."""
    refused = refusal_of(error)
    assert (refused.status, refused.code) == (status, code)
    assert "secret" not in str(error_object(refused))


def test_every_error_of_ours_becomes_one() -> None:
    """Whatever class is added to the tree."""
    for name in errors.__all__:
        kind = getattr(errors, name)
        error = kind.__new__(kind)
        error.__dict__.update(failures={}, excluded={}, retry_after_s=None)
        assert 400 <= refusal_of(error).status <= 503


@pytest.mark.parametrize(
    ("reasons", "status", "code"),
    [
        ([Reason.NO_TOOLS], 400, "no_expert_fits"),
        ([Reason.CONTEXT_LENGTH, Reason.NO_TOOLS], 400, "context_length_exceeded"),
        ([Reason.BUDGET, Reason.MAX_COST], 429, "insufficient_quota"),
        ([Reason.BUDGET, Reason.NO_TOOLS], 400, "no_expert_fits"),
        ([Reason.OFFLINE, Reason.NO_TOOLS], 503, "no_expert_available"),
        ([], 400, "no_expert_fits"),
    ],
)
def test_no_expert_fits_says_whose_fault_it_is(
    reasons: list[Reason], status: int, code: str
) -> None:
    """The request's, the purse's, or the moment's."""
    excluded = {str(place): reason for place, reason in enumerate(reasons)}
    refused = refusal_of(NoExpertFits("nobody may answer", excluded=excluded))
    assert (refused.status, refused.code) == (status, code)


def test_a_client_is_told_when_to_come_back_or_not_to() -> None:
    """The least wait of all experts; nothing where trying again is no use."""
    waits = {"a": BackendUnavailable("429", retry_after_s=7.2), "b": BackendUnavailable("503")}
    assert refusal_of(AllBackendsFailed(waits)).headers == {"retry-after": "8"}
    assert refusal_of(BackendRejected("wrong key")).headers == {"x-should-retry": "false"}


def test_messages_are_short_and_without_keys() -> None:
    """Whatever an expert's server put there."""
    refused = Refused(400, "Bearer sk-1234567890abcdef " + "x" * 9_000, code="x")
    message = error_object(refused)["error"]["message"]
    assert "1234567890" not in message
    assert len(message) <= 2_000
