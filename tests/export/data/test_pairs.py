"""Pairs of an easy and a hard message: our own hundred, and files that are not in the format."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from edge_router.export.data.pairs import MessagePair, own_pairs, read_pairs
from edge_router.export.data.rows import BadRow, NoSuchFile


def test_our_own_pairs_are_balanced() -> None:
    """A hundred of thirty kinds, half with the longer one easy, a quarter not English."""
    pairs = own_pairs()
    assert len(pairs) == len({pair.easy for pair in pairs} | {pair.hard for pair in pairs}) / 2
    assert len(pairs) == 100
    kinds = Counter(pair.kind for pair in pairs)
    assert len(kinds) == 30
    assert min(kinds.values()) >= 3
    assert sum(pair.language != "en" for pair in pairs) == 25
    assert sum(len(pair.easy) > len(pair.hard) for pair in pairs) == 50
    assert max(abs(len(pair.easy) - len(pair.hard)) for pair in pairs) <= 40


def test_a_file_of_pairs_is_read(tmp_path: Path) -> None:
    """Other fields are passed over."""
    path = tmp_path / "pairs.jsonl"
    path.write_text(json.dumps({"pair": 1, "kind": "maths", "easy": "1+1", "hard": "7^222"}))
    assert read_pairs(path) == [MessagePair("maths", "1+1", "7^222")]


@pytest.mark.parametrize("fault", [{"hard": None}, {"hard": ""}, {"hard": 3}, {"lang": 1}])
def test_what_is_no_pair_is_refused_with_its_place(tmp_path: Path, fault: object) -> None:
    """By file and line."""
    path = tmp_path / "pairs.jsonl"
    row = {"kind": "maths", "easy": "1+1", "hard": "7^222"}
    path.write_text(json.dumps(row | fault))  # type: ignore[operator]
    with pytest.raises(BadRow, match=r"pairs\.jsonl"):
        read_pairs(path)


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    """Not an empty list."""
    with pytest.raises(NoSuchFile, match="is not there"):
        read_pairs(tmp_path / "none.jsonl")
