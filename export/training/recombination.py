"""New messages for a teacher to judge, made of parts of messages that people wrote.

A small student has seen few messages; its teacher can be asked about any number. So words are
replaced by words of like meaning, and the beginning of one message gets the end of another ("Write
a birthday wish" + "as a palindrome"), after the augmentation of TinyBERT (Jiao et al. 2020, section
3.2). Not every result makes sense; the student learns what its teacher says of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from edge_router.routing.arrays import Float32s
from edge_router.routing.artifact.text import RouterTokenizer

from ..data.outcome_set import OutcomeSet
from ..data.rows import letters_of

__all__ = ["LikeWords", "recombined_texts"]

WORD = re.compile(r"[^\W\d_]{4,}")
JOINT = re.compile(
    r"(?<=[.,;:!?。，！？])\s*|\s+(?=(?:and|that|with|in|as|for|using|without|of|to|about|which|but|if|"
    r"from|on|by|when|so|y|que|con|en|para|sin|de|und|mit|für|ohne|in|auf|et|avec|pour|sans)\s)"
)
NEIGHBOURS = 8
ROWS_AT_ONCE = 512
REPLACED = 0.3  # of the words of a message at most
SPLICED = 0.6  # of the messages get another one's end
EMBEDDINGS = "embeddings.word_embeddings.weight"


def recombined_texts(outcomes: OutcomeSet, counts: Mapping[str, int], base: Path) -> list[str]:
    """For each table, about `counts` messages made of its train messages; equal arguments, equal
    texts, and none that stands in the dev or test split.

    `base` is the folder of the base model, whose word embeddings tell which words are alike.
    """
    train = outcomes.split("train")
    tested = {letters_of(text) for text in outcomes.where(outcomes.splits != "train").texts}
    messages = [train.where(train.tables == table) for table in counts]
    words = LikeWords.of([text for table in messages for text in table.texts], base)
    made = [
        text
        for number, (table, count) in enumerate(zip(messages, counts.values(), strict=True))
        for text in _of_table(table, count, words, number)
    ]
    return [text for text in made if letters_of(text) not in tested]


def _of_table(messages: OutcomeSet, count: int, words: LikeWords, seed: int) -> Iterator[str]:
    random = np.random.default_rng(seed)
    alike = {lang: np.flatnonzero(messages.langs == lang) for lang in set(messages.langs.tolist())}
    for row in random.choice(len(messages), count).tolist():
        text = messages.texts[row]
        if random.random() < SPLICED:
            other = int(random.choice(alike[messages.langs[row]]))
            text = _spliced(text, messages.texts[other], random)
        yield words.replaced(text, random)


def _spliced(text: str, other: str, random: np.random.Generator) -> str:
    """The beginning of `text` and the end of `other`; `text` where neither has a joint."""
    begins = [joint.start() for joint in JOINT.finditer(text) if joint.start() > 0]
    ends = [joint.end() for joint in JOINT.finditer(other) if joint.end() < len(other)]
    if not ends:
        return text
    begin = begins[int(random.integers(len(begins)))] if begins else len(text)
    end = ends[int(random.integers(len(ends)))]
    return f"{text[:begin].rstrip()} {other[end:].lstrip()}"


class LikeWords:
    """Words, and for each those that a base model embeds nearest to it."""

    def __init__(self, nearest: Mapping[str, Sequence[str]]) -> None:
        self._nearest = nearest

    @classmethod
    def of(cls, texts: Sequence[str], base: Path) -> LikeWords:
        """Of the words of `texts`, those that are one token of the base model."""
        tokenizer = RouterTokenizer(base / "tokenizer.json", max_tokens=4)
        seen = dict.fromkeys(word.lower() for text in texts for word in WORD.findall(text))
        ids = {word: tokenizer.input_ids(word) for word in seen}
        whole = {word: row[1] for word, row in ids.items() if len(row) == 3}  # CLS, word, SEP
        if len(whole) <= NEIGHBOURS:
            return cls({})
        table = load_file(base / "model.safetensors")[EMBEDDINGS][list(whole.values())]
        names = list(whole)
        nearest = _nearest(table.astype(np.float32))
        return cls(
            {name: [names[at] for at in row] for name, row in zip(names, nearest, strict=True)}
        )

    def replaced(self, text: str, random: np.random.Generator) -> str:
        """`text` with some of its words replaced; capitals stay."""
        share = random.random() * REPLACED

        def one(match: re.Match[str]) -> str:
            word = match.group()
            alike = self._nearest.get(word.lower())
            if alike is None or random.random() >= share:
                return word
            chosen = alike[int(random.integers(len(alike)))]
            return chosen.capitalize() if word[0].isupper() else chosen

        return WORD.sub(one, text)


def _nearest(vectors: Float32s) -> list[list[int]]:
    """The numbers of the NEIGHBOURS rows nearest by cosine to each row."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    rows = []
    for at in range(0, len(unit), ROWS_AT_ONCE):
        part = unit[at : at + ROWS_AT_ONCE]
        alike = part @ unit.T
        alike[np.arange(len(part)), np.arange(at, at + len(part))] = -1  # not the word itself
        rows += np.argpartition(-alike, NEIGHBOURS, axis=1)[:, :NEIGHBOURS].tolist()
    return rows
