"""Real queries for the comparison, and texts of a stated length for counting."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from edge_router.errors import ConfigError
from edge_router.export.data.rows import read_rows
from edge_router.learning.enrolment.everyday_questions import everyday_questions
from edge_router.routing.artifact.text import RouterTokenizer

__all__ = ["real_queries", "text_of"]

T = TypeVar("T")


def real_queries(count: int, tables: Path | None) -> list[str]:
    """`count` queries, always the same: our everyday questions and, half of them, table rows.

    Each half is taken at even distances, so that it holds every kind. `tables` is a folder with
    outcome tables in it, None for everyday questions only; of these there are a few hundred.
    Raises ConfigError for a folder that holds no table.
    """
    everyday = [question for _, _, question, _ in everyday_questions()]
    rows = list(_table_queries(tables)) if tables is not None else []
    from_tables = spread(rows, count - min(count // 2, len(everyday)))
    return spread(everyday, count - len(from_tables)) + from_tables


def _table_queries(tables: Path) -> Iterator[str]:
    files = sorted(tables.rglob("*.jsonl*"))
    if not files:
        raise ConfigError(f"--tables {tables}: no outcome table (*.jsonl) lies in there")
    for table in files:
        for row in read_rows(table):
            yield row["query"]


def spread(values: Sequence[T], count: int) -> list[T]:
    """`count` of `values` at even distances; all of them if there are no more."""
    if count >= len(values):
        return list(values)
    return [values[place * len(values) // count] for place in range(count)]


def text_of(tokens: int, tokenizer: RouterTokenizer, max_chars: int) -> str:
    """Everyday words that make `tokens` input_ids, [CLS] and [SEP] included.

    Raises ConfigError for too few tokens, or more than the artifact reads.
    """
    chosen: list[str] = []
    length = 2
    for word in _words() * tokens:
        longer = len(tokenizer.input_ids(" ".join([*chosen, word])))
        if length in (tokens, longer):  # as long as it can be
            break
        if longer <= tokens:
            chosen.append(word)
            length = longer
    text = " ".join(chosen)
    if length != tokens or not text or len(text) > max_chars:
        raise ConfigError(f"--tokens {tokens}: the artifact reads no text of {tokens} tokens")
    return text


def _words() -> list[str]:
    """Words of all everyday questions, in order."""
    return [word for _, _, question, _ in everyday_questions() for word in question.split()]
