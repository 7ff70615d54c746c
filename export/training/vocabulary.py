"""Cuts a smaller vocabulary: word embeddings would else be half of a small student."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from edge_router.guards.data_folder import write_atomically

from ..data.rows import BadData

__all__ = ["Vocabulary", "cut_vocabulary"]

COMMON = 8000  # kept whatever the texts say: BERT's words are sorted by how common they are
CONTINUED = "##"


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """`tokenizer` is the content of a tokenizer.json; `kept` (words,) the numbers that its entries
    had in the tokenizer that it was cut from, in rising order."""

    tokenizer: str
    kept: tuple[int, ...]

    @property
    def pieces(self) -> list[int]:
        """Numbers of the words and parts of words that a text is made of: all but the special."""
        content = json.loads(self.tokenizer)
        special = {token["id"] for token in content["added_tokens"]}
        return [n for n in content["model"]["vocab"].values() if n not in special]

    def write(self, folder: Path) -> Path:
        """The tokenizer as a file in `folder`, named by its content."""
        name = hashlib.sha256(self.tokenizer.encode()).hexdigest()[:16]
        path = folder / f"tokenizer-{name}.json"
        if not path.exists():
            write_atomically(path, self.tokenizer)
        return path


def cut_vocabulary(tokenizer: Path, texts: Sequence[str], words: int) -> Vocabulary:
    """The `words` entries of a WordPiece tokenizer that matter most, renumbered.

    Special tokens and single characters stay, so that no text becomes unknown; then the common
    words; then those that `texts` have most often. A word that goes is read in pieces. Raises
    BadData when `words` is too few for those that must stay.
    """
    content = json.loads(tokenizer.read_text(encoding="utf-8"))
    vocabulary: dict[str, int] = content["model"]["vocab"]
    needed = _needed(content)
    if words < len(needed):
        raise BadData(f"words = {words} is too few; {len(needed)} entries are single characters")
    ranked = (*sorted(needed), *range(COMMON), *_by_count(tokenizer, texts), *vocabulary.values())
    kept = tuple(sorted(islice(dict.fromkeys(ranked), words)))
    return Vocabulary(_renumbered(content, kept), kept)


def _needed(content: dict[str, Any]) -> set[int]:
    """Numbers of the special tokens and of all single characters, alone and continuing a word."""
    single = {
        number
        for word, number in content["model"]["vocab"].items()
        if len(word.removeprefix(CONTINUED)) == 1
    }
    return single | {token["id"] for token in content["added_tokens"]}


def _by_count(tokenizer: Path, texts: Sequence[str]) -> list[int]:
    from tokenizers import Tokenizer

    reader = Tokenizer.from_file(str(tokenizer))
    reader.no_truncation()
    reader.no_padding()
    seen: Counter[int] = Counter()
    for encoding in reader.encode_batch(list(texts), add_special_tokens=False):
        seen.update(encoding.ids)
    return sorted(seen, key=lambda number: (-seen[number], number))


def _renumbered(content: dict[str, Any], kept: Sequence[int]) -> str:
    place = {old: new for new, old in enumerate(kept)}
    vocabulary = content["model"]["vocab"]
    content["model"]["vocab"] = {
        word: place[old] for word, old in vocabulary.items() if old in place
    }
    for token in content["added_tokens"]:
        token["id"] = place[token["id"]]
    for token in content["post_processor"]["special_tokens"].values():
        token["ids"] = [place[old] for old in token["ids"]]
    return json.dumps(content, ensure_ascii=False)
