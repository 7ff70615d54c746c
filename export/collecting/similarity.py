"""BERTSim: how close an answer is to the reference answer (TO-Router, section 4.1)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from edge_router.errors import MissingExtra
from edge_router.routing.artifact.text import cut

from ..data.packaged import base_folder
from ..training.embedding import SentenceEmbedder

__all__ = ["ENCODER", "KEPT_ANSWER_CHARS", "MAX_TOKENS", "similarities"]

MAX_TOKENS = 512  # all that a BERT reads at once
ENCODER = f"all-MiniLM-L6-v2, mean over at most {MAX_TOKENS} tokens"
MAX_CHARS = 1 << 14  # more characters are more than 512 tokens, and take a tokenizer long
KEPT_ANSWER_CHARS = 2000


def similarities(pairs: Sequence[tuple[str, str]]) -> list[float]:
    """The cosine, -1..1, of mean-pooled embeddings of each answer and its reference.

    The paper does not say which BERT it takes. Each text is read alone, by one thread: its number
    does not depend on the texts beside it, nor on how many cores there are. Raises MissingExtra.
    """
    if not pairs:
        return []
    embedder = _embedder()
    from ..training.loop import one_thread  # torch: KEPT_ANSWER_CHARS is read without it

    cosines = []
    with one_thread():
        read = None
        for answer, reference in pairs:
            if reference != read:  # the answers to a question share it
                read, meant = reference, embedder.embed([cut(reference, MAX_CHARS)])[0]
            said = embedder.embed([cut(answer, MAX_CHARS)])[0]
            cosines.append(round(float(np.dot(said, meant)), 4))
    return cosines


@cache
def _embedder() -> SentenceEmbedder:
    try:
        return SentenceEmbedder(base_folder(), max_tokens=MAX_TOKENS)
    except (ModuleNotFoundError, FileNotFoundError) as error:
        raise MissingExtra("BERTSim's encoder, all-MiniLM-L6-v2,", "export") from error
