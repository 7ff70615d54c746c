"""Probabilities of given texts as the answer, from a loaded model that has read the prompt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_router.errors import BackendUnavailable

from .library import import_llama_cpp
from .name_trie import NameTrie, Path, TrieMask

__all__ = ["name_probabilities", "name_trie", "negative_log_likelihood"]


def negative_log_likelihood(
    model: Any, tokens: Sequence[int], wanted: Callable[[], bool]
) -> float | None:
    """-log P(tokens | prompt) in nats, the mean over the tokens; None once it is not `wanted`.

    The model stands right behind the prompt.
    """
    total = 0.0
    for token in tokens:
        if not wanted():
            return None
        logits = _next_logits(model)
        shifted = logits - logits.max()
        total += float(np.log(np.exp(shifted).sum()) - shifted[token])
        model.eval([token])
    return total / len(tokens)


def name_trie(model: Any, names: Sequence[str]) -> NameTrie:
    """The names in the tokens of a loaded model. Raises BackendRejected as NameTrie does."""
    tokens = [model.tokenize(name.encode(), add_bos=False, special=False) for name in names]
    return NameTrie(tokens, end=model.token_eos())


def name_probabilities(model: Any, mask: TrieMask, wanted: Callable[[], bool]) -> tuple[float, ...]:
    """P(name | prompt) of each name under the mask, exactly.

    `mask` was the logits processor of a token that was just written, so it knows the logits behind
    the prompt, where the model still stands. Raises BackendUnavailable once it is not `wanted`.
    """
    start = model.n_tokens

    def logits_after(path: Path) -> npt.NDArray[np.float32]:
        if not wanted():
            raise BackendUnavailable("the choice was cancelled")
        if not path and mask.first is not None:
            return mask.first
        model.n_tokens = start  # what was read behind the prompt is forgotten
        model.eval(list(path))
        return _next_logits(model)

    try:
        return tuple(mask.trie.probabilities(logits_after))
    finally:
        model.n_tokens = start


def _next_logits(model: Any) -> npt.NDArray[np.float32]:
    """(vocabulary,) of the next token."""
    pointer = import_llama_cpp().llama_get_logits_ith(model.ctx, -1)
    logits: npt.NDArray[np.float32] = np.ctypeslib.as_array(
        pointer, shape=(model.n_vocab(),)
    ).copy()
    return logits
