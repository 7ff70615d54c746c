"""Replies of megabytes that are within the limit of bytes, and endless to read all the same."""

from __future__ import annotations

import time
from typing import Any

import pytest

from asking import both_verbs, failure_of, saying
from edge_router.errors import BackendProtocolError, BackendRejected
from fault_server import answer


@both_verbs
@pytest.mark.parametrize(
    "body",
    [
        pytest.param("{}\n" * 1_500_000, id="objects"),
        pytest.param(":\n" * 1_500_000, id="comments"),
        pytest.param("data:\n" * 1_500_000, id="data lines"),
        pytest.param('{"choices":[' + "[]," * 1_500_000 + "[]]}", id="lists"),
        pytest.param('{"a":[' + '{"":0},' * 1_500_000 + "0]}", id="small objects"),
        pytest.param('data: {"choices":[]}\n\n' * 200_000, id="idle events"),
    ],
)
def test_too_much_of_anything_is_refused_soon(verb: Any, body: str) -> None:
    """A reply within the limit of bytes may still be endless to read."""
    began = time.monotonic()
    error = failure_of(verb, saying(answer(body)))
    assert isinstance(error, (BackendProtocolError, BackendRejected))
    assert time.monotonic() - began < 8
