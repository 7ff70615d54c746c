"""Stand-in for `edge_router.routing.deciding.price_rule`, until that module is there.

The choice is the largest `quality - price * expense`. Replace the imports of this file by that
module's and delete it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["LEAST_EXPENSE", "chosen", "expenses"]

Floats = npt.NDArray[np.float64]

LEAST_EXPENSE = 0.1  # of an expert that is not on the device: leaving it is not free


def expenses(
    cost_usd: Floats,
    latency_s: Floats,
    leaves_device: npt.NDArray[np.bool_],
    usd_per_second: float = 0.0,
) -> Floats:
    """Dollars of each expert, and of its seconds, as a share of the dearest's (..., experts)."""
    dollars = cost_usd + usd_per_second * latency_s
    dearest = dollars.max(axis=-1, keepdims=True)
    share = np.divide(dollars, dearest, out=np.zeros_like(dollars), where=dearest > 0)
    least: Floats = np.where(leaves_device, np.maximum(share, LEAST_EXPENSE), share)
    return least


def chosen(quality: Floats, expense: Floats, price: float) -> npt.NDArray[np.intp]:
    """The number of the expert chosen (...,); of equals the one of least expense."""
    worth = quality - price * expense
    best = worth >= worth.max(axis=-1, keepdims=True) - 1e-12
    number: npt.NDArray[np.intp] = np.where(best, expense, np.inf).argmin(axis=-1)
    return number
