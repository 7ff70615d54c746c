"""/v1/embeddings: the sentence embedding of the encoder that routes.

Its length is the artifact's and cannot be cut: `dimensions` must be that length or left out. Texts
longer than the encoder reads are cut to their head and tail, as queries are. Token ids are refused:
they are of a tokenizer that the encoder does not have. Usage is an estimate, four characters a
token.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edge_router.chat.request import estimated_tokens
from edge_router.guards.redaction import quoted

from .errors import Refused

__all__ = ["MOST_TEXTS", "embedding_list", "texts_of"]

MOST_TEXTS = 2_048  # as OpenAI's


def texts_of(body: Mapping[str, Any], *, dim: int) -> tuple[str, ...]:
    """The texts to embed. Raises Refused."""
    stated = body.get("input")
    texts = [stated] if isinstance(stated, str) else stated
    if not isinstance(texts, list) or not texts or not all(isinstance(one, str) for one in texts):
        words = "input must be a text or a list of texts; token ids are of another tokenizer"
        raise Refused(400, words, code="invalid_value", param="input")
    if len(texts) > MOST_TEXTS:
        words = f"input has {len(texts)} texts, {MOST_TEXTS} at most"
        raise Refused(400, words, code="invalid_value", param="input")
    if not all(text.strip() for text in texts):
        raise Refused(400, "a text of input is empty", code="invalid_value", param="input")
    _check(body, dim)
    return tuple(texts)


def _check(body: Mapping[str, Any], dim: int) -> None:
    if body.get("dimensions") not in (None, dim):
        words = f"dimensions is {quoted(body['dimensions'])}; the encoder gives {dim}, uncut"
        raise Refused(400, words, code="unsupported", param="dimensions")
    if body.get("encoding_format") not in (None, "float", "base64"):
        words = f"encoding_format is {quoted(body['encoding_format'])}; use float or base64"
        raise Refused(400, words, code="invalid_value", param="encoding_format")


def embedding_list(
    body: Mapping[str, Any], texts: Sequence[str], vectors: Sequence[Any], model: str
) -> dict[str, Any]:
    """OpenAI's list of embeddings; each of `vectors` is (embedding_dim,)."""
    as_base64 = body.get("encoding_format") == "base64"
    data = [
        {"object": "embedding", "index": place, "embedding": _written(vector, as_base64=as_base64)}
        for place, vector in enumerate(vectors)
    ]
    tokens = sum(estimated_tokens(len(text)) for text in texts)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": data, "model": model, "usage": usage}


def _written(vector: Any, *, as_base64: bool) -> str | list[float]:
    numbers = np.asarray(vector, dtype="<f4")
    if as_base64:
        return base64.b64encode(numbers.tobytes()).decode("ascii")
    return [round(float(number), 8) for number in numbers]
