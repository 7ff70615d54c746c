"""BERTSim: how close an answer is to the reference answer (TO-Router, section 4.1)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from edge_router.learning.outcomes.rows import Row
from edge_router.routing.artifact.text import cut

from ..training.embedding import SentenceEmbedder

__all__ = ["ENCODER", "MAX_TOKENS", "add_similarity", "with_short_answers"]

MAX_TOKENS = 512  # all that a BERT reads at once
ENCODER = f"all-MiniLM-L6-v2, mean over at most {MAX_TOKENS} tokens"
MAX_CHARS = 1 << 14  # more characters are more than 512 tokens, and take a tokenizer long
KEPT_ANSWER_CHARS = 2000


def add_similarity(rows: Iterable[Row], references: dict[str, str], base: Path) -> None:
    """Write `similarity{expert}` (-1..1) into rows: the cosine of mean-pooled embeddings, with
    `similarity_encoder`, which says whose.

    The paper does not say which BERT it takes. `references` holds the reference answers by qkey.
    Rows without one, answers that were not kept, and what was measured before stay as they are.
    Answers are to be whole: `with_short_answers` cuts them afterwards.
    """
    pending = [
        (row, expert, answer)
        for row in rows
        for expert, answer in (row.get("answer") or {}).items()
        if row["qkey"] in references and expert not in row.get("similarity", {})
    ]
    if not pending:
        return
    embedder = SentenceEmbedder(base, max_tokens=MAX_TOKENS)
    said = embedder.embed([cut(answer, MAX_CHARS) for _, _, answer in pending])
    meant = embedder.embed([references[row["qkey"]] for row, _, _ in pending])
    for (row, expert, _), cosine in zip(pending, (said * meant).sum(1).tolist(), strict=True):
        row.setdefault("similarity", {})[expert] = round(cosine, 4)
        row["similarity_encoder"] = ENCODER


def with_short_answers(rows: Iterable[Row]) -> list[Row]:
    """Rows whose answers are cut to what is kept of them."""
    return [
        row | {"answer": {name: text[:KEPT_ANSWER_CHARS] for name, text in row["answer"].items()}}
        if "answer" in row
        else row
        for row in rows
    ]
