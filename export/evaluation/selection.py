"""Which expert a router picks for each query, and what that is worth (RouterEval, section 5.1)."""

from __future__ import annotations

import numpy as np

from ..routers.base import Floats

__all__ = ["entropy_bits", "pick", "softmax"]


def pick(utilities: Floats) -> Floats:
    """The share (queries, experts) of calls each expert gets: the best takes all.

    Experts of equal utility share the query, as if one were drawn among them.
    """
    best = utilities == utilities.max(axis=1, keepdims=True)
    shares: Floats = best / best.sum(axis=1, keepdims=True)
    return shares


def softmax(utilities: Floats) -> Floats:
    """Distributions (queries, experts) over experts."""
    weights = np.exp(utilities - utilities.max(axis=1, keepdims=True))
    shares: Floats = weights / weights.sum(axis=1, keepdims=True)
    return shares


def entropy_bits(shares: Floats) -> Floats:
    """(queries,) entropy, base 2, of distributions (queries, experts): E_p is its mean (eq. 7)."""
    logs = np.log2(shares, out=np.zeros_like(shares), where=shares > 0)
    bits: Floats = -(shares * logs).sum(axis=1)
    return np.maximum(bits, 0.0)
