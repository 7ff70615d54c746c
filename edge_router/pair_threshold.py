"""Which gain is worth a stronger expert, by what the log tells of both (self-normalised inverse
propensity weights, Swaminathan and Joachims 2015)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .correction import Correction
from .logged_outcomes import LEAST_EFFECTIVE, LoggedOutcomes, effective_size
from .recalibration import Interval

__all__ = ["PairThreshold", "fit_threshold"]

Floats = npt.NDArray[np.float64]

THRESHOLDS = 200  # that are tried


@dataclass(frozen=True, slots=True)
class PairThreshold:
    """The least corrected gain (-1..1) from which `strong` is asked instead of `weak`.

    It keeps `share` of the mean score of asking `strong` always, with a 95 % interval, and asks it
    for `calls` (0..1) of the queries; over the logged queries that either of the two might have
    answered, of which `answers` agree with it and tell as much as `effective`.
    """

    weak: str
    strong: str
    min_gain: float
    share: float
    share_interval: Interval
    calls: float
    answers: int
    effective: float


def fit_threshold(
    log: LoggedOutcomes,
    corrections: Mapping[str, Correction],
    *,
    weak: str,
    strong: str,
    share: float,
    seed: int = 0,
    repeats: int = 1000,
) -> PairThreshold:
    """The largest threshold that keeps `share` of the strong expert's mean score, as far as the
    log tells; where none does, the smallest gain, which asks always.

    Rows count in which one of the pair was asked and the other one might have been. Thresholds on
    which fewer than LEAST_EFFECTIVE answers bear are passed over. The interval is by bootstrap over
    the queries at the threshold found. Raises TooFewOutcomes, LearningError.
    """
    pair = _pair(log, weak, strong)
    gains = _corrected(pair, strong, corrections) - _corrected(pair, weak, corrections)
    strong_asked = pair.chosen == log.number(strong)
    weights, scores = 1 / pair.propensity, pair.scores
    for name, asked in ((strong, strong_asked), (weak, ~strong_asked)):
        pair.require(asked, f"of {name!r} where the other might have answered")
    always = weights * strong_asked
    for threshold in _thresholds(gains):
        agrees = weights * (strong_asked == (gains >= threshold))
        enough = effective_size(agrees) >= LEAST_EFFECTIVE
        if enough and _mean(agrees, scores) >= share * _mean(always, scores):
            break
    return PairThreshold(
        weak,
        strong,
        float(threshold),
        _mean(agrees, scores) / max(1e-12, _mean(always, scores)),
        _bootstrap(agrees, always, scores, seed, repeats),
        float(np.mean(gains >= threshold)),
        int((agrees > 0).sum()),
        effective_size(agrees),
    )


def _pair(log: LoggedOutcomes, weak: str, strong: str) -> LoggedOutcomes:
    """The queries in which one of the two was asked and the other one was its rival."""
    w, s = log.number(weak), log.number(strong)
    one = (log.chosen == w) & (log.rival == s)
    other = (log.chosen == s) & (log.rival == w)
    return log.where(one | other)


def _corrected(log: LoggedOutcomes, expert: str, corrections: Mapping[str, Correction]) -> Floats:
    return corrections[expert].corrected(log.estimates[:, log.number(expert)])


def _thresholds(gains: Floats) -> Floats:
    """Descending: 1, which no gain reaches, then gains down to the smallest."""
    shares = np.linspace(1, 0, min(len(gains), THRESHOLDS))
    ranked = np.unique(np.quantile(gains, shares, method="nearest"))[::-1]
    return np.concatenate([[1.0], ranked])


def _mean(weights: Floats, scores: Floats) -> float:
    """The self-normalised estimate of a mean score."""
    return float(weights @ scores / max(1e-12, weights.sum()))


def _bootstrap(agrees: Floats, always: Floats, scores: Floats, seed: int, repeats: int) -> Interval:
    """95 % of resampled logs have their share between these two."""
    random, shares = np.random.default_rng(seed), []
    for _ in range(repeats):
        rows = random.integers(len(scores), size=len(scores))
        kept = _mean(agrees[rows], scores[rows])
        shares.append(kept / max(1e-12, _mean(always[rows], scores[rows])))
    low, high = np.quantile(shares, [0.025, 0.975])
    return float(low), float(high)
