"""Two questions laid side by side: which words of either have no counterpart in the other.

Most paraphrases add words or drop some; most questions that look alike and ask something else have
one word in the place of another. An embedding of whole sentences hardly tells these apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from edge_router.routing.arrays import Float32s, Float64s

from .guards import matches
from .lexicon import LIGHT
from .reading import Reading, Word

__all__ = ["FEATURES", "Embed", "features"]

FEATURES = ("distance", "replaced", "added", "qualified", "asked_otherwise", "unmatched_share")
LIGHT_WEIGHT = 0.4  # of a word that says little by itself
MOST_EMBEDDED = 8  # words, of both questions together

Embed = Callable[[str], Float32s]
"""The embedding of a text (embedding_dim,), of length 1."""


def features(
    asked: Reading, kept: Reading, cosine: float, *, embed: Embed, word_cosine: float
) -> Float64s:
    """(FEATURES,) of two questions with a `cosine` of their embeddings. Words whose own embeddings
    have a cosine of `word_cosine` at least count as the same.

    `replaced` are words of both that have no counterpart, `added` those that one of them has more,
    `qualified` those of them behind a preposition ("for dogs", "in winter").
    """
    ours, theirs = _unmatched(asked, kept), _unmatched(kept, asked)
    ours, theirs = _without_synonyms(ours, theirs, embed=embed, least=word_cosine)
    heavier = max(ours, theirs, key=_weight)
    replaced = min(_weight(ours), _weight(theirs))
    one_sided = max(_weight(ours), _weight(theirs)) - replaced
    qualified = min(one_sided, _weight([word for word in heavier if word.role]))
    total = _weight(asked.content) + _weight(kept.content)
    return np.array(
        [
            1 - cosine,
            replaced,
            one_sided - qualified,
            qualified,
            float(bool(asked.asks) != bool(kept.asks)),
            (_weight(ours) + _weight(theirs)) / max(total, 1.0),
        ]
    )


def _unmatched(one: Reading, other: Reading) -> list[Word]:
    return [word for word in one.content if not matches(word, other.words)]


def _without_synonyms(
    ours: list[Word], theirs: list[Word], *, embed: Embed, least: float
) -> tuple[list[Word], list[Word]]:
    """Both without words that mean nearly the same as a word of the other question."""
    if not (ours and theirs) or len(ours) + len(theirs) > MOST_EMBEDDED:
        return ours, theirs
    first = np.stack([embed(word.text) for word in ours])
    second = np.stack([embed(word.text) for word in theirs])
    cosines = first @ second.T  # (ours, theirs)
    return (
        [word for word, best in zip(ours, cosines.max(1).tolist(), strict=True) if best < least],
        [word for word, best in zip(theirs, cosines.max(0).tolist(), strict=True) if best < least],
    )


def _weight(words: Sequence[Word]) -> float:
    return sum(LIGHT_WEIGHT if _is_light(word) else 1.0 for word in words)


def _is_light(word: Word) -> bool:
    return word.text in LIGHT or word.stem in LIGHT
