"""BERTSim: how close an answer is to the reference answer (TO-Router, section 4.1)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from edge_router.learning.outcomes.rows import Row

from ..training.embedding import SentenceEmbedder

__all__ = ["add_similarity"]


def add_similarity(rows: Iterable[Row], references: dict[str, str], base: Path) -> None:
    """Write `similarity{expert}` (-1..1) into rows: the cosine of mean-pooled embeddings.

    `references` holds the reference answers by qkey. Rows without one, answers that were not kept,
    and what was measured before stay as they are.
    """
    pending = [
        (row, expert, answer)
        for row in rows
        for expert, answer in (row.get("answer") or {}).items()
        if row["qkey"] in references and expert not in row.get("similarity", {})
    ]
    if not pending:
        return
    embedder = SentenceEmbedder(base)
    said = embedder.embed([answer for _, _, answer in pending])
    meant = embedder.embed([references[row["qkey"]] for row, _, _ in pending])
    for (row, expert, _), cosine in zip(pending, (said * meant).sum(1).tolist(), strict=True):
        row.setdefault("similarity", {})[expert] = round(cosine, 4)
