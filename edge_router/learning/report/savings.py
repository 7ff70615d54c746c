"""What routing gained over the best single expert, and over a coin at equal cost.

A coin is a mix of single experts that does not look at the query: each is asked with a fixed
probability. All mixes lie on the convex hull of the single experts' costs and qualities, and a
router that is worth its name lies above it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from edge_router.routing.arrays import Bools, Float64s, Places

from .answers import LoggedAnswers
from .quality import Qualities

__all__ = ["Evidence", "Interval", "Savings", "Single", "savings_of"]

BUCKETS = 500  # of answers that are resampled together: sums of sums are quick
REPEATS = 2000
Evidence = Literal["estimates", "scores", "exploration"]
"""What qualities rest on: the router's own estimates alone, scores of the answers that were given,
or scores where a draw chose the expert."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate and its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Single:
    """One expert asked always: mean quality 0..1, and dollars per query (None where not known)."""

    name: str
    quality: float
    usd: float | None


@dataclass(frozen=True, slots=True)
class Savings:
    """Routing beside always asking one expert, and beside a coin, over `answers` queries.

    `quality` is the mean quality of what happened; `usd` dollars per query, None where a price is
    not known. `gain` is that quality less the coin's at equal cost. `saved_coin` are the dollars
    per query that the cheapest coin of the same quality costs more; where no coin is as good
    (`beyond_coins`) the dearest of the best. `saved_best` and `better_than_best` compare with the
    best single expert, in dollars per query and in quality. `shares` are those that answered.
    `left_out` answers count for nothing here: they came from a cache, or not every expert was
    compared for them.
    """

    answers: int
    left_out: int
    scored: int
    drawn: int
    evidence: Evidence
    tuned: tuple[str, ...]
    singles: tuple[Single, ...]
    shares: tuple[float, ...]
    best: str
    quality: Interval
    usd: Interval | None
    gain: Interval
    saved_coin: Interval | None
    beyond_coins: bool
    better_than_best: Interval
    saved_best: Interval | None

    @property
    def paid(self) -> bool | None:
        """Whether it gained something over the coin; None where the interval has both signs."""
        if self.gain.low > 0:
            return True
        return False if self.gain.high <= 0 else None


def savings_of(
    log: LoggedAnswers,
    offered: frozenset[str] = frozenset(),
    *,
    choices: Places | None = None,
    seed: int = 0,
) -> Savings | None:
    """Of what happened, or of the `choices` (answers,) that other settings would have made.

    The experts compared are those that answered and those `offered`; with `choices`, those chosen
    and `offered`. None where there is no choice to judge: fewer than two experts, or no answer for
    which all were estimated.
    """
    asked = np.unique(log.answered if choices is None else choices).tolist()
    names = offered | {log.experts[number] for number in asked}
    experts = np.array([n for n, name in enumerate(log.experts) if name in names], dtype=np.intp)
    known: Bools = ~np.asarray(np.isnan(log.quality[:, experts]).any(axis=1))
    known &= log.reason != "cached"  # the cache saved that, not the router
    if len(experts) < 2 or not known.any():
        return None
    seen = _where(log, known)
    chosen = None if choices is None else choices[known]
    return _compared(seen, experts, chosen, left_out=int((~known).sum()), seed=seed)


def _where(log: LoggedAnswers, keep: Bools) -> LoggedAnswers:
    if keep.all():
        return log
    columns = {
        name: getattr(log, name)[keep]
        for name in LoggedAnswers.__dataclass_fields__
        if isinstance(getattr(log, name), np.ndarray)
    }
    return replace(log, **columns)


def _compared(
    log: LoggedAnswers, experts: Places, choices: Places | None, *, left_out: int, seed: int
) -> Savings:
    resampled = _Resampled.of(len(log), seed)
    qualities = Qualities.of(log, experts, choices)
    routed, single = resampled.qualities(qualities)
    costs = _costs(log, experts, choices, resampled)
    asked = log.answered if choices is None else choices
    gave = (asked[:, None] == experts).astype(np.float64)
    best = _best(single, costs)
    saved: Float64s | None = None
    beyond = False
    if costs is None:
        coin = (resampled.means(gave) * single).sum(axis=1)
    else:
        coin = _hull(costs[1], single, costs[0])
        mix_usd, beyond = _cheapest_mix(costs[1], single, routed, best)
        saved = mix_usd - costs[0]
    scored, names = log.scored, [log.experts[number] for number in experts]
    drawn = int(qualities.drawn.sum())
    return Savings(
        answers=len(log),
        left_out=left_out,
        scored=int(scored.sum()),
        drawn=drawn,
        evidence="exploration" if drawn else "scores" if any(qualities.tunings) else "estimates",
        tuned=tuple(n for n, one in zip(names, qualities.tunings, strict=True) if one is not None),
        singles=tuple(
            Single(name, float(single[0, place]), None if costs is None else costs[1][0, place])
            for place, name in enumerate(names)
        ),
        shares=tuple(gave.mean(axis=0).tolist()),
        best=names[best],
        quality=_interval(routed),
        usd=None if costs is None else _interval(costs[0]),
        gain=_interval(routed - coin),
        saved_coin=None if saved is None else _interval(saved),
        beyond_coins=beyond,
        better_than_best=_interval(routed - single[:, best]),
        saved_best=None if costs is None else _interval(costs[1][:, best] - costs[0]),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Resampled:
    """The log itself, then REPEATS logs drawn from it: `weights` (1 + repeats, buckets) of the
    buckets (answers,) that answers are in."""

    weights: Float64s
    buckets: Places

    @classmethod
    def of(cls, answers: int, seed: int) -> _Resampled:
        random = np.random.default_rng(seed)
        count = min(answers, BUCKETS)
        drawn = random.multinomial(count, np.full(count, 1 / count), size=REPEATS)
        weights = np.vstack([np.ones((1, count)), drawn])
        return cls(weights, random.permutation(np.arange(answers) % count))

    def sums(self, values: Float64s) -> Float64s:
        """(1 + repeats, ...) of `values` (answers, ...)."""
        flat = values.reshape(len(values), -1)
        count = self.weights.shape[1]
        by_bucket = [np.bincount(self.buckets, column, count) for column in flat.T]
        summed: Float64s = self.weights @ np.stack(by_bucket, axis=1)
        return summed.reshape(len(self.weights), *values.shape[1:])

    def means(self, values: Float64s) -> Float64s:
        counts = self.sums(np.ones(len(values)))
        means: Float64s = (self.sums(values).T / counts).T
        return means

    def qualities(self, of: Qualities) -> tuple[Float64s, Float64s]:
        """(1 + repeats,) and (1 + repeats, experts): means, each with estimates that were corrected
        by its own scores."""
        routed, single = self.means(of.routed), self.means(of.single)
        for place, tuning in enumerate(of.tunings):
            if tuning is None:
                continue
            change = tuning.refitted(self.sums(tuning.gradient), self.sums(tuning.curvature))
            routed = routed + (self.means(of.slope_routed[:, place]) * change).sum(axis=1)
            single[:, place] += (self.means(of.slope_single[:, place]) * change).sum(axis=1)
        return np.clip(routed, 0, 1), np.clip(single, 0, 1)


def _costs(
    log: LoggedAnswers, experts: Places, choices: Places | None, resampled: _Resampled
) -> tuple[Float64s, Float64s] | None:
    """Dollars per query of what happened, or of the `choices` (1 + repeats,), and of each expert
    asked always (1 + repeats, experts); None where a price is not known.

    What was expected of an expert is scaled by how its own answers came out beside it.
    """
    expected = log.expected_usd[:, experts]
    if np.isnan(expected).any():
        return None
    gave = log.answered[:, None] == experts
    paid = np.where(np.isnan(log.cost_usd), np.where(gave, expected, 0.0).sum(axis=1), log.cost_usd)
    told = gave & (log.answered == log.asked)[:, None] & ~np.isnan(log.cost_usd)[:, None]
    real = resampled.sums(np.where(told, paid[:, None], 0.0))
    planned = resampled.sums(np.where(told, expected, 0.0))
    scale = np.where(planned > 0, real / np.where(planned > 0, planned, 1.0), 1.0)
    always = resampled.means(expected) * scale
    if choices is None:
        return resampled.means(paid), always
    chosen = choices[:, None] == experts
    return (resampled.means(np.where(chosen, expected, 0.0)) * scale).sum(axis=1), always


def _best(single: Float64s, costs: tuple[Float64s, Float64s] | None) -> int:
    """The place of the best expert, of equally good ones the cheapest."""
    usd = np.zeros(single.shape[1]) if costs is None else costs[1][0]
    return int(np.lexsort((usd, -np.round(single[0], 9)))[0])


def _pairs(usd: Float64s) -> list[tuple[int, int]]:
    return [(a, b) for a in range(usd.shape[1]) for b in range(usd.shape[1]) if a != b]


def _hull(usd: Float64s, quality: Float64s, at: Float64s) -> Float64s:
    """The quality (repeats,) of the best mix that costs `at` (repeats,) or less; that of the
    cheapest expert where all cost more."""
    cheapest = usd.argmin(axis=1)[:, None]
    best = np.take_along_axis(quality, cheapest, axis=1)[:, 0]
    best = np.maximum(best, np.where(usd <= at[:, None], quality, -np.inf).max(axis=1))
    for low, high in _pairs(usd):
        between = (usd[:, low] <= at) & (at < usd[:, high])
        width = np.where(between, usd[:, high] - usd[:, low], 1.0)
        share = (at - usd[:, low]) / width
        mixed = quality[:, low] + share * (quality[:, high] - quality[:, low])
        best = np.where(between, np.maximum(best, mixed), best)
    reached: Float64s = best
    return reached


def _cheapest_mix(
    usd: Float64s, quality: Float64s, wanted: Float64s, best: int
) -> tuple[Float64s, bool]:
    """The dollars (repeats,) of the cheapest mix of quality `wanted` (repeats,) or better, and
    whether for the log itself there is none; where there is none, those of the `best` expert."""
    reached = quality >= wanted[:, None]
    least = np.where(reached, usd, np.inf).min(axis=1)
    for low, high in _pairs(usd):
        between = (quality[:, low] <= wanted) & (wanted < quality[:, high])
        width = np.where(between, quality[:, high] - quality[:, low], 1.0)
        mixed = usd[:, low] + (wanted - quality[:, low]) / width * (usd[:, high] - usd[:, low])
        least = np.where(between, np.minimum(least, mixed), least)
    none = np.isinf(least)
    return np.where(none, usd[:, best], least), bool(none[0])


def _interval(repeats: Float64s) -> Interval:
    low, high = np.quantile(repeats[1:], [0.025, 0.975]).tolist()
    return Interval(float(repeats[0]), low, high)
