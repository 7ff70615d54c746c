"""BERTSim: how close an answer is to the reference answer (TO-Router, section 4.1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np

from edge_router.learning.outcomes.rows import Row
from edge_router.routing.arrays import Float32s
from edge_router.routing.artifact.text import cut

from ..recipe import base_folder
from ..training.embedding import SentenceEmbedder

__all__ = [
    "ENCODER",
    "KEPT_ANSWER_CHARS",
    "MAX_TOKENS",
    "add_similarity",
    "similarities",
    "with_short_answers",
]

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
    embedder = _embedder(base_folder())
    with _one_thread():
        vectors: dict[str, Float32s] = {}  # the answers of a question share their reference
        cosines = []
        for answer, reference in pairs:
            if reference not in vectors:
                vectors = {reference: embedder.embed([cut(reference, MAX_CHARS)])[0]}
            said = embedder.embed([cut(answer, MAX_CHARS)])[0]
            cosines.append(round(float(np.dot(said, vectors[reference])), 4))
    return cosines


@cache
def _embedder(base: Path) -> SentenceEmbedder:
    return SentenceEmbedder(base, max_tokens=MAX_TOKENS)


@contextmanager
def _one_thread() -> Iterator[None]:
    """More would add up in another order, and round otherwise."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def add_similarity(rows: Iterable[Row], references: dict[str, str]) -> None:
    """Write `similarity{expert}` into rows, with `similarity_encoder`, which says whose.

    `references` holds the reference answers by qkey. Rows without one, answers that were not kept,
    and what was measured before stay as they are. Answers are to be whole: `with_short_answers`
    cuts them afterwards.
    """
    pending = [
        (row, expert, answer)
        for row in rows
        for expert, answer in (row.get("answer") or {}).items()
        if row["qkey"] in references and expert not in row.get("similarity", {})
    ]
    cosines = similarities([(answer, references[row["qkey"]]) for row, _, answer in pending])
    for (row, expert, _), cosine in zip(pending, cosines, strict=True):
        row.setdefault("similarity", {})[expert] = cosine
        row["similarity_encoder"] = ENCODER


def with_short_answers(rows: Iterable[Row]) -> Iterator[Row]:
    """Rows whose answers are cut to what is kept of them."""
    for row in rows:
        if "answer" in row:
            short = {name: text[:KEPT_ANSWER_CHARS] for name, text in row["answer"].items()}
            row = row | {"answer": short}
        yield row
