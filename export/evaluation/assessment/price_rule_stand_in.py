"""Stand-in for `edge_router.routing.deciding.price_rule`, until that module is there.

The choice is the largest `quality - price * expense`. Replace the imports of this file by that
module's and delete it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["LEAVING", "chosen", "expenses"]

Floats = npt.NDArray[np.float64]

LEAVING = 0.1  # the least expense of an expert that is not on the device


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
    least: Floats = np.maximum(share, LEAVING * leaves_device)
    return least


def chosen(
    quality: Floats, expense: Floats, price: float, *, least_quality: float = 0.0
) -> npt.NDArray[np.intp]:
    """The number (queries,) of the expert chosen; of equals the dearer one, then the first.

    One expected below `least_quality` is not chosen while another one reaches it.
    """
    reaches = quality >= least_quality
    out = ~reaches & reaches.any(axis=-1, keepdims=True)
    worth = np.where(out, -np.inf, quality - price * expense)
    best = worth >= worth.max(axis=-1, keepdims=True) - 1e-12
    number: npt.NDArray[np.intp] = np.where(best, expense, -1.0).argmax(axis=-1)
    return number
