"""Black-box random search for words that move a router's choices wherever they are put.

The attacker sees decisions and expected gains, and knows neither weights nor gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

__all__ = ["Direction", "Found", "Place", "attacked", "random_search"]

Direction = Literal["up", "down"]
Place = Literal["prefix", "suffix"]
Worth = Callable[[str], tuple[float, float]]

WORDS = 12  # of a trigger
MOST_CHANGED = 3  # of them at a time


@dataclass(frozen=True, slots=True)
class Found:
    """The best trigger after `evaluations` tries, and what it was worth to the attacker."""

    trigger: str
    evaluations: int
    worth: tuple[float, float]


def random_search(
    worth: Worth, words: Sequence[str], *, evaluations: int, seed: int, marks: Sequence[int] = ()
) -> list[Found]:
    """Change up to three words at a time and keep what is worth as much: a (1+1) search.

    The best so far after each of `marks` evaluations, and at the end.
    """
    random = np.random.default_rng(seed)
    best = [words[number] for number in random.integers(0, len(words), WORDS).tolist()]
    value = worth(" ".join(best))
    reported = []
    for count in range(1, evaluations + 1):
        if count > 1:
            tried = list(best)
            places = random.choice(WORDS, int(random.integers(1, MOST_CHANGED + 1)), replace=False)
            for place in places.tolist():
                tried[place] = words[int(random.integers(len(words)))]
            reached = worth(" ".join(tried))
            if reached >= value:
                best, value = tried, reached
        if count in marks or count == evaluations:
            reported.append(Found(" ".join(best), count, value))
    return reported


def attacked(text: str, trigger: str, place: Place) -> str:
    """A message with the trigger in front of it or behind it."""
    return f"{trigger}\n{text}" if place == "prefix" else f"{text}\n{trigger}"
