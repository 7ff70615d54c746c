"""A choice among names, by a prefix trie over their tokens: any other text has probability 0.

The logits of tokens that continue no name are set to minus infinity before the softmax (MoMA,
section 4.2, "Token Logits Masking").
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from edge_router.errors import BackendRejected

__all__ = ["NameTrie", "TrieMask"]

Logits = npt.NDArray[np.float32]
Path = tuple[int, ...]


class NameTrie:
    """`names` as sequences of tokens; `end` is the token behind a whole name. Immutable.

    Raises BackendRejected for no name, an empty one, and for two that are the same tokens.
    """

    def __init__(self, names: Sequence[Sequence[int]], *, end: int) -> None:
        self.names = tuple((*name, end) for name in names)
        self.end = end
        if not names or not all(names) or len(set(self.names)) < len(names):
            raise BackendRejected("the names to choose from are none, empty, or not different")
        self._children: dict[Path, list[int]] = {}
        for name in self.names:
            for length, token in enumerate(name):
                children = self._children.setdefault(name[:length], [])
                if token not in children:
                    children.append(token)

    @property
    def depth(self) -> int:
        """Tokens of the longest name, with the one behind it."""
        return max(map(len, self.names))

    def allowed(self, path: Path) -> Sequence[int]:
        """The tokens that may follow; behind a whole name only the end again."""
        return self._children.get(path, [self.end])

    def masked(self, path: Path, logits: Logits) -> Logits:
        """The logits (vocabulary,) with minus infinity for every other token.

        Logits that are not finite themselves leave all allowed tokens equally likely.
        """
        tokens = list(self.allowed(path))
        kept = logits[tokens]
        masked = np.full_like(logits, -np.inf)
        masked[tokens] = kept if np.isfinite(kept).all() else 0.0
        return masked

    def probabilities(self, logits_after: Callable[[Path], Logits]) -> list[float]:
        """Of each name, in their order; they sum to 1.

        `logits_after` gives the logits (vocabulary,) behind a path. It is asked only where names
        part: a token without an alternative has probability 1.
        """
        reached: dict[Path, float] = {(): 1.0}
        for path in sorted(self._children, key=len):
            tokens = self._children[path]
            shares = np.ones(1)
            if len(tokens) > 1:
                kept = self.masked(path, logits_after(path))[tokens].astype(np.float64)
                shares = np.exp(kept - kept.max())
                shares /= shares.sum()
            for token, share in zip(tokens, shares.tolist(), strict=True):
                reached[(*path, token)] = reached[path] * share
        return [reached[name] for name in self.names]


@dataclass(slots=True, eq=False)
class TrieMask:
    """A logits processor for llama.cpp that lets only names of a trie be written; one per answer.

    `first` keeps the logits of the first token as the model gave them.
    """

    trie: NameTrie
    first: Logits | None = None
    _start: int = field(default=-1)

    def __call__(self, input_ids: npt.NDArray[np.intc], logits: Logits) -> Logits:
        """Take the tokens so far and the logits of the next; returns the masked logits."""
        if self._start < 0:
            self._start = len(input_ids)
            self.first = logits.copy()
        path = tuple(int(token) for token in input_ids[self._start :])
        return self.trie.masked(path, logits)
