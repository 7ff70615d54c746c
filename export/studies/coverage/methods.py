"""Classical bounds on a mean, to compare with `bounds.mean_is_below`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from edge_router.learning.calibration.bounds import binomial_cdf, divergence
from edge_router.learning.calibration.risk_control import Risk, fixed_sequence, risks_hold
from edge_router.learning.calibration.targets import Quantity, Target
from edge_router.routing.arrays import Bools, Float64s

__all__ = ["empirical_bernstein_bound", "hoeffding_bentkus_p_value"]


def hoeffding_bentkus_p_value(means: Float64s, rows: int, level: float) -> Float64s:
    """p-values of "the true mean is above `level`" for `means` of rows in 0..1, any shape.

    Bates et al. 2021, and Angelopoulos et al. 2021, Proposition 2. 0 < level < 1.
    """
    below = np.clip(np.minimum(means, level), 1e-12, 1 - 1e-12)
    hoeffding = np.exp(-rows * divergence(below, level))
    counts = np.clip(np.ceil(rows * means - 1e-9), 0, rows).astype(np.int64)
    p_values: Float64s = np.minimum(hoeffding, math.e * binomial_cdf(rows, level)[counts])
    return p_values


def empirical_bernstein_bound(
    means: Float64s, variances: Float64s, rows: int, *, width: float, delta: float
) -> Float64s:
    """Upper limit of the true mean of values in a range of `width` (Maurer & Pontil 2009, Thm 4).

    `variances` are unbiased (divided by rows - 1).
    """
    tail = math.log(2 / delta)
    bounds: Float64s = (
        means + np.sqrt(2 * variances * tail / rows) + 7 * width * tail / (3 * (rows - 1))
    )
    return bounds


Method = Callable[[Sequence[Risk], Float64s, float], Bools]


def _methods(targets: Sequence[Target]) -> dict[str, Method]:
    methods: dict[str, Method] = {"guaranteed": risks_hold, "naive": _naive}
    if [target.quantity for target in targets] == [Quantity.QUALITY]:
        methods |= {"Hoeffding-Bentkus": _hoeffding_bentkus, "empirical Bernstein": _bernstein}
    return methods


def _naive(asked: Sequence[Risk], turns: Float64s, _: float) -> Bools:
    """Where the means of the calibration set meet the targets, as if they were the truth."""
    met: Bools = np.all([risk.means(turns) <= risk.level for risk in asked], axis=0)
    return met


def _hoeffding_bentkus(asked: Sequence[Risk], turns: Float64s, delta: float) -> Bools:
    (risk,) = asked
    width = risk.ceiling + 1  # the loss of quality is -1 or more
    means = (risk.means(turns) + 1) / width
    values = hoeffding_bentkus_p_value(means, turns.shape[-1], (risk.level + 1) / width)
    return fixed_sequence(values <= delta)


def _bernstein(asked: Sequence[Risk], turns: Float64s, delta: float) -> Bools:
    (risk,) = asked
    rows = turns.shape[-1]
    unbiased = risk.variances(turns) * rows / (rows - 1)
    bound = empirical_bernstein_bound(
        risk.means(turns), unbiased, rows, width=risk.ceiling + 1, delta=delta
    )
    return fixed_sequence(bound <= risk.level)
