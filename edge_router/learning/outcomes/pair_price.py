"""The price at which a logged pair of experts keeps enough of the stronger one's quality."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edge_router.routing.arrays import Bools, Float64s
from edge_router.routing.deciding.operating_point import Correction
from edge_router.routing.deciding.price import turning_prices

from .propensity import LEAST_EFFECTIVE, Interval, LoggedOutcomes, effective_size

__all__ = ["PairPrice", "fit_price"]

PRICES = 200  # that are tried


@dataclass(frozen=True, slots=True)
class PairPrice:
    """The highest price (-1..1) at which the pair keeps enough of the strong expert's quality.

    It keeps `share` of the mean score of asking `strong` always, with a 95 % interval, and asks it
    for `calls` (0..1) of the queries; over the logged queries that either of the two might have
    answered, of which `answers` agree with it and tell as much as `effective`.
    """

    weak: str
    strong: str
    price: float
    share: float
    share_interval: Interval
    calls: float
    answers: int
    effective: float


def fit_price(
    log: LoggedOutcomes,
    corrections: Mapping[str, Correction],
    *,
    weak: str,
    strong: str,
    share: float,
    seed: int = 0,
    repeats: int = 1000,
) -> PairPrice:
    """The highest price that keeps `share` of the strong expert's mean score, as far as the log
    tells; where none does, the lowest, which asks the dearer expert always.

    Uses rows where one of the pair was asked and the other was the alternative draw; skips prices
    whose effective sample is below LEAST_EFFECTIVE. The interval is by bootstrap over the queries
    at the chosen price. Raises TooFewOutcomes, LearningError.
    """
    pair = _pair(log, weak, strong)
    turns, strong_is_cheaper = _turns(pair, weak, strong, corrections)
    strong_asked = pair.chosen == log.number(strong)
    weights, scores = 1 / pair.propensity, pair.scores
    for name, asked in ((strong, strong_asked), (weak, ~strong_asked)):
        pair.require(asked, f"of {name!r} where the other might have answered")
    always = weights * strong_asked
    for price in _prices(turns):
        calls = (turns >= price) ^ strong_is_cheaper
        agrees = weights * (strong_asked == calls)
        enough = effective_size(agrees) >= LEAST_EFFECTIVE
        if enough and _mean(agrees, scores) >= share * _mean(always, scores):
            break
    return PairPrice(
        weak,
        strong,
        float(price),
        _mean(agrees, scores) / max(1e-12, _mean(always, scores)),
        _bootstrap(agrees, always, scores, seed, repeats),
        float(np.mean(calls)),
        int((agrees > 0).sum()),
        effective_size(agrees),
    )


def _pair(log: LoggedOutcomes, weak: str, strong: str) -> LoggedOutcomes:
    """The queries in which one of the two was asked and the other one was its rival."""
    w, s = log.number(weak), log.number(strong)
    one = (log.chosen == w) & (log.rival == s)
    other = (log.chosen == s) & (log.rival == w)
    return log.where(one | other)


def _turns(
    pair: LoggedOutcomes, weak: str, strong: str, corrections: Mapping[str, Correction]
) -> tuple[Float64s, Bools]:
    """The highest prices (queries,) at which the dearer one is asked, and whether (queries,) that
    is the weak one."""
    numbers = [pair.number(weak), pair.number(strong)]
    quality = np.stack(
        [
            corrections[name].corrected(pair.estimates[:, number])
            for name, number in zip((weak, strong), numbers, strict=True)
        ],
        axis=1,
    )
    expense = pair.expense[:, numbers]
    return turning_prices(quality, expense), expense[:, 1] < expense[:, 0]


def _prices(turns: Float64s) -> Float64s:
    """Descending: 1, then those at which queries turn, within -1..1, down to the lowest."""
    within = np.clip(turns, -1.0, 1.0)
    shares = np.linspace(1, 0, min(len(turns), PRICES))
    ranked = np.unique(np.quantile(within, shares, method="nearest"))[::-1]
    return np.concatenate([[1.0], ranked])


def _mean(weights: Float64s, scores: Float64s) -> float:
    """The self-normalised estimate of a mean score."""
    return float(weights @ scores / max(1e-12, weights.sum()))


def _bootstrap(
    agrees: Float64s, always: Float64s, scores: Float64s, seed: int, repeats: int
) -> Interval:
    """95 % of resampled logs have their share between these two."""
    random, shares = np.random.default_rng(seed), []
    for _ in range(repeats):
        rows = random.integers(len(scores), size=len(scores))
        kept = _mean(agrees[rows], scores[rows])
        shares.append(kept / max(1e-12, _mean(always[rows], scores[rows])))
    low, high = np.quantile(shares, [0.025, 0.975])
    return float(low), float(high)
