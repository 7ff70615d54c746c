"""Pairs of an easy and a hard message of one kind, topic and similar length, read from a file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .rows import BadRow, placed_rows

__all__ = ["OWN_PAIRS", "MessagePair", "own_pairs", "read_pairs"]

OWN_PAIRS = Path(__file__).parent / "everyday_pairs.jsonl"
NEEDED = ("kind", "easy", "hard")


@dataclass(frozen=True, slots=True)
class MessagePair:
    """`language` is an ISO 639-1 code; "" where the file does not say."""

    kind: str
    easy: str
    hard: str
    language: str = ""


def read_pairs(path: Path) -> list[MessagePair]:
    """JSON lines with kind, easy, hard and perhaps lang. Raises BadRow, NoSuchFile."""
    return list(_pairs(path))


def own_pairs() -> list[MessagePair]:
    """The hundred pairs that were written for this evaluation and nothing was trained on."""
    return read_pairs(OWN_PAIRS)


def _pairs(path: Path) -> Iterator[MessagePair]:
    for where, row in placed_rows(path, NEEDED):
        texts = [row[name] for name in NEEDED] + [row.get("lang", "")]
        if not all(isinstance(text, str) for text in texts) or not all(texts[:3]):
            raise BadRow(f"{where}: kind, easy, hard and lang must be texts")
        yield MessagePair(*texts)
