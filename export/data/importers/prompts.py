"""Joins prompts from a file of their own to the rows they belong to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from edge_router.learning.outcomes.rows import Row

from ..rows import BadData
from .texts import read_json

__all__ = ["with_prompts"]


def with_prompts(
    placed: Iterable[tuple[str, Row]], path: Path, texts: Path | None
) -> Iterator[tuple[str, Row]]:
    """The rows of `path`, each with a query: its own, or the prompt at its place in `texts`.

    `texts` is a JSON list, or JSON lines, of texts or of objects with a `query` or a `prompt`.
    Raises BadData when a row has no query, both, or the counts differ; FileNotFoundError.
    """
    if texts is None:
        yield from _own(placed)
        return
    rows, prompts = list(placed), [_prompt(item) for _, item in read_json(texts)]
    if any("query" in row for _, row in rows):
        raise BadData(f"{path} has queries of its own; import it without texts")
    if len(rows) != len(prompts):
        raise BadData(f"{texts} has {len(prompts)} prompts for the {len(rows)} rows of {path}")
    for (where, row), prompt in zip(rows, prompts, strict=True):
        yield where, row | {"query": prompt}


def _own(placed: Iterable[tuple[str, Row]]) -> Iterator[tuple[str, Row]]:
    for where, row in placed:
        if "query" not in row:
            raise BadData(
                f"{where} has no query: this RouterEval file holds scores, perhaps embeddings, and "
                "no text, which a text router needs. Give the prompts in the same order as texts "
                "(a JSON list, or JSON lines)"
            )
        yield where, row


def _prompt(item: Any) -> Any:
    return item.get("query", item.get("prompt")) if isinstance(item, dict) else item
