"""Training labels and weights of routers, made from the experts' scores."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge_router.routing.arrays import Float64s

from .base import log_softmax

__all__ = [
    "Indices",
    "balanced_weights",
    "best_experts",
    "sample_weights",
    "selection_labels",
    "soft_labels",
]

Indices = npt.NDArray[np.int64]

RIGHT = 0.95


def best_experts(scores: Float64s) -> Indices:
    """Column of the best expert (queries,); of equal ones the first, which is the cheapest."""
    best: Indices = scores.argmax(axis=1)
    return best


def soft_labels(scores: Float64s, temperature: float) -> Float64s:
    """softmax(score / T) over the experts (TO-Router, Stripelis et al. 2024, section 3).

    `scores` and the result (queries, experts), `temperature` > 0.
    """
    labels: Float64s = np.exp(log_softmax(scores / temperature))
    return labels


def sample_weights(labels: Indices, experts: int) -> Float64s:
    """How much each query counts, so that rare labels count as much as common ones.

    w_i = sum_j |D_j| / |D_i|, divided by the sum of w over the experts that occur (TO-Router,
    Stripelis et al. 2024, appendix D). `labels` and the result (queries,).
    """
    counts = np.bincount(labels, minlength=experts)
    shares = np.divide(len(labels), counts, out=np.zeros(experts), where=counts > 0)
    weights: Float64s = (shares / shares.sum())[labels]
    return weights


def balanced_weights(scores: Float64s) -> Float64s:
    """`sample_weights` of the best experts over all training rows (queries,), scaled to mean 1.

    The scale is that of the whole set: a batch of rare labels counts for more than another.
    """
    weights = sample_weights(best_experts(scores), scores.shape[1])
    scaled: Float64s = weights / weights.mean()
    return scaled


def selection_labels(scores: Float64s) -> Float64s:
    """1 where an expert's score is within 95 % of the query's best, else 0: (queries, experts).

    Where every expert has 0 nobody is right. The selection vector of RouterEval (Huang et al.
    2025, equation 3); the 95 % for scores that are not 0 or 1 are ours.
    """
    best = scores.max(axis=1, keepdims=True)
    right: Float64s = ((scores >= RIGHT * best) & (best > 0)).astype(np.float64)
    return right
