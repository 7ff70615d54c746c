"""Routers that know the outcomes: bounds that no real router passes."""

from __future__ import annotations

from .base import Floats

__all__ = ["oracle_choice_probabilities"]


def oracle_choice_probabilities(scores: Floats, p: float) -> Floats:
    """How probably r_o(p) chooses each expert (RouterEval, Huang et al. 2025, equation 2).

    With probability `p` one of the experts at the query's best score, else any; both uniformly.
    p = 1 is the oracle (TO-Router's Optimal), p = 0 random. `scores` and the result
    (queries, experts). Raises ValueError for `p` outside 0..1.
    """
    if not 0 <= p <= 1:
        raise ValueError(f"p is {p}; a probability lies in 0..1")
    best = scores == scores.max(axis=1, keepdims=True)
    oracle = best / best.sum(axis=1, keepdims=True)
    probabilities: Floats = p * oracle + (1 - p) / scores.shape[1]
    return probabilities
