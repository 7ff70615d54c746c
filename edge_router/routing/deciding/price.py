"""The arithmetic of the price rule: what experts are compared by, on arrays alone.

`price_rule` is the rule; calibration, studies and evaluations compute what it would choose.
"""

from __future__ import annotations

import math

import numpy as np

from ..arrays import Bools, Float64s, Places

__all__ = ["LEAVING", "chosen", "expenses", "scores_of", "turning_prices"]


ZERO, ONE, NEVER = np.array(0.0), np.array(1.0), np.array(-np.inf)  # numpy converts no arrays
LEAST, LARGEST = math.ulp(0.0), np.finfo(np.float64).max  # above 0, below infinity
LEAVING = 0.1
"""The least expense of an expert that the query leaves this device for. Leaving it is never free:
it takes a connection, hands the text to somebody else, and counts against limits of rate. Without
a floor, a cloud model at a hundredth of the dearest one's dollars would be asked for a hundredth of
the gain, so for nothing."""


def expenses(
    cost_usd: Float64s,
    latency_s: Float64s,
    leaves_device: Bools,
    usd_per_second: float = 0.0,
) -> Float64s:
    """How dear each expert is beside the dearest one, 0..1; all arrays (..., experts).

    The dollars of an answer, and `usd_per_second` times its seconds, over the same sum of the
    dearest of these experts. A price that nobody knows (NaN) counts as the dearest. Experts that
    the query leaves the device for count at least LEAVING; the others 0 where nothing costs
    anything.
    """
    sums = _with_seconds(cost_usd, latency_s, usd_per_second) if usd_per_second else cost_usd
    dearest = np.fmax.reduce(sums, axis=-1, keepdims=True, initial=LEAST)  # of those that are known
    shares = np.fmin(sums / dearest, ONE)  # 1 where it is not known
    expense: Float64s = np.maximum(shares, LEAVING * leaves_device)
    return expense


def _with_seconds(cost_usd: Float64s, latency_s: Float64s, usd_per_second: float) -> Float64s:
    """Dollars and what the seconds are worth; sums beyond the largest float are alike."""
    with np.errstate(over="ignore"):
        sums: Float64s = np.minimum(cost_usd + usd_per_second * latency_s, LARGEST)
    return sums


def chosen(
    quality: Float64s, expense: Float64s, price: float, *, least_quality: float = 0.0
) -> Places:
    """The places (queries,) of the experts that the rule chooses.

    `quality` (queries, experts); `expense` (queries, experts), or (experts,) for all queries alike.
    Of equal scores the dearer expert is chosen, so that a gain which reaches exactly what its
    expense asks for is worth it; of equally dear ones the first. NaN in `quality` stands for an
    expert that is not there.
    """
    spread = np.broadcast_to(expense, quality.shape)
    absent = np.isnan(quality)
    scores = scores_of(quality, np.where(absent, 2.0, spread), price)  # dearer than any
    reaches = quality >= least_quality
    out = absent | (~reaches & reaches.any(axis=-1, keepdims=True))
    scores = np.where(out, -np.inf, scores)
    best = ~out & (scores == scores.max(axis=-1, keepdims=True))
    places: Places = np.where(best, spread, -1.0).argmax(axis=-1)
    return places


def scores_of(quality: Float64s, expense: Float64s, price: float) -> Float64s:
    """`quality - price * expense` beyond that of the best of the cheapest experts; (..., experts).

    Counted from there, a free expert and one at expense 1 compare as `gain >= price` to the last
    bit: 0 is the score of the first, `gain - price` that of the second.
    """
    further = expense - np.minimum.reduce(expense, axis=-1, keepdims=True)
    cheapest = np.where(further > ZERO, NEVER, quality)
    base = np.maximum.reduce(cheapest, axis=-1, keepdims=True)
    scores: Float64s = (quality - base) - price * further
    return scores


def turning_prices(quality: Float64s, expense: Float64s) -> Float64s:
    """The highest price (queries,) at which the dearer of two experts is chosen.

    Both arrays (queries, 2). Where the two are equally dear the price does not count: infinite, of
    either sign, as the second one is at least as good or worse.
    """
    gain, further = quality[:, 1] - quality[:, 0], expense[:, 1] - expense[:, 0]
    ever = np.where(gain >= 0, np.inf, -np.inf)
    with np.errstate(divide="ignore", invalid="ignore"):
        turns: Float64s = np.where(further == 0, ever, gain / further)
    return turns
