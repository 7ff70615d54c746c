"""Bodies of unknown origin."""

from __future__ import annotations

import json

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
    """As it is, also behind a byte order mark."""
    assert json_object(b'{"a": [1, null]}') == {"a": [1, None]}
    assert json_object(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


@pytest.mark.parametrize(
    "body", [b'{"a": [%s[]]}' % (b"[]," * 300_000), b'"' + b'\\",' * 300_000 + b"[]," * 300_000]
)
def test_a_body_of_very_many_values_is_refused(body: bytes) -> None:
    """Reading it would hold up every other request; a text without an end hides nothing."""
    with pytest.raises(Refused) as caught:
        json_object(body)
    assert caught.value.status in (400, 413)


def test_the_commas_of_a_text_are_no_values() -> None:
    """A table of numbers in a prompt, with quotes in it."""
    text = '1,2,"[{",' * 100_000
    assert json_object(json.dumps({"a": text}).encode()) == {"a": text}
