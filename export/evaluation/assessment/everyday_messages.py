"""A sample of everyday messages of the split, for measures that only need texts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge_router.learning.outcomes.rows import Row

from ...data.rows import NoSuchFile
from .setting import Setting
from .split_rows import RATED_TABLES

__all__ = ["Message", "everyday_messages", "known_words"]

WORD_LETTERS = (2, 14)


@dataclass(frozen=True, slots=True)
class Message:
    """`language` is an ISO 639-1 code."""

    text: str
    language: str


def everyday_messages(setting: Setting, most: int) -> list[Message]:
    """At most `most` distinct messages in random order. Raises NoSuchFile."""
    rows = [row for table in RATED_TABLES for row in _rows(setting, table, train=False)]
    if not rows:
        raise NoSuchFile(f"there is none of the tables {', '.join(RATED_TABLES)}")
    known = {row["query"]: Message(row["query"], row.get("lang", "en")) for row in rows}
    listed = list(known.values())
    order = np.random.default_rng(setting.seed).permutation(len(listed))[:most]
    return [listed[number] for number in order.tolist()]


def known_words(setting: Setting) -> list[str]:
    """Distinct words of the train rows of everyday and of exam queries, in order."""
    tables = (*RATED_TABLES, "mmlu_pro_29models")
    texts = [row["query"] for table in tables for row in _rows(setting, table, train=True)]
    shortest, longest = WORD_LETTERS
    return sorted(
        {word for text in texts for word in text.split() if shortest <= len(word) <= longest}
    )


def _rows(setting: Setting, table: str, *, train: bool) -> list[Row]:
    try:
        return setting.rows.train(table) if train else setting.rows.measured(table)
    except NoSuchFile:
        return []
