"""Bodies of unknown origin."""

from __future__ import annotations

import pytest

from edge_router.server.wire.body import json_object
from edge_router.server.wire.errors import Refused


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"7", b'"secret"', b"null", b"\xff\xfe{}", b'{"a": 1, "a": 2}',
     b"[" * 9_000, b'{"a": ' * 90 + b"1" + b"}" * 90, b'{"n": ' + b"9" * 9_000 + b"}"],
)  # fmt: skip
def test_what_is_no_object_is_refused_unquoted(body: bytes) -> None:
    """400, and nothing of it in the message."""
    with pytest.raises(Refused) as caught:
        json_object(body)
    assert caught.value.status == 400
    assert "secret" not in str(caught.value)
    assert len(str(caught.value)) < 200


def test_an_object_is_read() -> None:
    """As it is."""
    assert json_object(b'{"a": [1, null]}') == {"a": [1, None]}
