"""Queries of a stated length, made of plain words; no two of one list are the same."""

from __future__ import annotations

import random
from collections.abc import Sequence

from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.artifact.text import RouterTokenizer

__all__ = ["mixed_queries", "queries_of", "wide_tokenizer"]

WORDS = (
    "how many people live in the city and what would it cost to build a new school there if the "
    "price of land goes up by ten percent each year while the number of children stays the same "
    "then tell me which of these plans is best for the town and why so that i can write a short "
    "letter to the mayor about water roads light work food health time money and the long winter"
).split()
LONGEST = 512


def wide_tokenizer(artifact: RouterArtifact) -> RouterTokenizer:
    """The artifact's tokenizer without its cut, to count a text's whole length."""
    return RouterTokenizer(artifact.tokenizer_path, max_tokens=1 << 20)


def queries_of(tokens: int, count: int, tokenizer: RouterTokenizer, *, seed: int = 0) -> list[str]:
    """`count` texts of `tokens` tokens each, [CLS] and [SEP] included; 3 or more.

    Should a word need several tokens in this vocabulary, a text may be a token or two shorter.
    """
    draw = random.Random(f"{seed} {tokens}")  # noqa: S311 - repeatable, not secret
    return [_query(tokens, tokenizer, draw) for _ in range(count)]


def _query(tokens: int, tokenizer: RouterTokenizer, draw: random.Random) -> str:
    words = [draw.choice(WORDS) for _ in range(max(1, tokens - 2))]
    while len(words) > 1 and len(tokenizer.input_ids(" ".join(words))) > tokens:
        words.pop()
    return " ".join(words)


def mixed_queries(tokenizer: RouterTokenizer, *, count: int = 200, seed: int = 0) -> Sequence[str]:
    """Texts of 3 to 512 tokens, short ones more often: lengths are drawn on a log scale."""
    draw = random.Random(seed)  # noqa: S311 - repeatable, not secret
    lengths = [round(3 * (LONGEST / 3) ** draw.random()) for _ in range(count)]
    return [queries_of(n, 1, tokenizer, seed=at)[0] for at, n in enumerate(lengths)]
