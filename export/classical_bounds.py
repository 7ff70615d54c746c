"""Bounds on a mean that the betting test of `edge_router.bounds` is compared with."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from edge_router.bounds import binomial_cdf

__all__ = ["empirical_bernstein_bound", "hoeffding_bentkus_p_value"]

Floats = npt.NDArray[np.float64]


def hoeffding_bentkus_p_value(means: Floats, rows: int, level: float) -> Floats:
    """p-values of "the true mean is above `level`" for `means` of rows in 0..1, any shape.

    Bates et al. 2021, and Angelopoulos et al. 2021, Proposition 2. 0 < level < 1.
    """
    below = np.clip(np.minimum(means, level), 1e-12, 1 - 1e-12)
    hoeffding = np.exp(-rows * _divergence(below, level))
    counts = np.clip(np.ceil(rows * means - 1e-9), 0, rows).astype(np.int64)
    found: Floats = np.minimum(hoeffding, math.e * binomial_cdf(rows, level)[counts])
    return found


def _divergence(share: Floats, level: float) -> Floats:
    """Kullback-Leibler divergence of two coins, in nats."""
    found: Floats = share * np.log(share / level) + (1 - share) * np.log((1 - share) / (1 - level))
    return found


def empirical_bernstein_bound(
    means: Floats, variances: Floats, rows: int, *, width: float, delta: float
) -> Floats:
    """Upper limit of the true mean of values in a range of `width` (Maurer & Pontil 2009, Thm 4).

    `variances` are unbiased (divided by rows - 1).
    """
    tail = math.log(2 / delta)
    found: Floats = (
        means + np.sqrt(2 * variances * tail / rows) + 7 * width * tail / (3 * (rows - 1))
    )
    return found
