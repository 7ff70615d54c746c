"""/v1/embeddings: what may be asked, and how vectors are written."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pytest

from edge_router.server.wire.embeddings import MOST_TEXTS, embedding_list, texts_of
from edge_router.server.wire.errors import Refused

VECTOR = np.array([0.6, -0.8], dtype=np.float32)


@pytest.mark.parametrize("stated", ["a", ["a"]])
def test_a_text_or_a_list(stated: Any) -> None:
    """Both are a list of texts."""
    assert texts_of({"input": stated, "dimensions": 2}, dim=2) == ("a",)


@pytest.mark.parametrize(
    "body",
    [{}, {"input": []}, {"input": ""}, {"input": ["a", " "]}, {"input": [1, 2]}, {"input": [[1]]},
     {"input": ["a"] * (MOST_TEXTS + 1)}, {"input": "a", "dimensions": 1},
     {"input": "a", "encoding_format": "int8"}, {"input": {"a": 1}}],
)  # fmt: skip
def test_what_cannot_be_embedded_is_refused(body: dict[str, Any]) -> None:
    """400, not a shorter vector or another text."""
    with pytest.raises(Refused) as caught:
        texts_of(body, dim=2)
    assert caught.value.status == 400


def test_floats_and_base64_hold_the_same_numbers() -> None:
    """Little-endian float32, as OpenAI's clients read it."""
    plain = embedding_list({}, ["a"], [VECTOR], "router-small")
    packed = embedding_list({"encoding_format": "base64"}, ["a"], [VECTOR], "router-small")
    assert plain["data"][0]["embedding"] == pytest.approx([0.6, -0.8])
    read = np.frombuffer(base64.b64decode(packed["data"][0]["embedding"]), dtype="<f4")
    assert read.tolist() == VECTOR.tolist()
    assert plain["usage"] == {"prompt_tokens": 1, "total_tokens": 1}
