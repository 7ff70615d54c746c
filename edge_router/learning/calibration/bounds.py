"""Finite-sample bounds and tests: what n labelled queries can prove about all queries like them.

numpy only. Nothing here assumes a shape of the distribution, only that the queries were drawn
independently from the same traffic.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import cache
from statistics import NormalDist

import numpy as np

from edge_router.routing.arrays import Bools, Float64s

__all__ = [
    "binomial_cdf",
    "binomial_interval",
    "mean_is_below",
    "rows_for_mean",
    "rows_for_share",
]


BOLDEST = 0.9  # of the capital that one row may cost at most
REVISIONS = 100  # how often the bets are revised; more changes nothing that can be measured


def binomial_cdf(rows: int, share: float) -> Float64s:
    """P(Binomial(rows, share) <= k) for every k from 0 to `rows`: (rows + 1,). 0 < share < 1.

    Read at the number of exceedances seen, this is the exact p-value of "the true share is
    `share` or more".
    """
    counts = np.arange(rows + 1)
    log_factorials = np.cumsum(np.log(np.maximum(counts, 1)))
    log_choices = log_factorials[-1] - log_factorials - log_factorials[::-1]
    log_chances = counts * math.log(share) + (rows - counts) * math.log1p(-share)
    total: Float64s = np.minimum(np.cumsum(np.exp(log_choices + log_chances)), 1.0)
    return total


def binomial_interval(count: int, rows: int, delta: float) -> tuple[float, float]:
    """Exact limits of a share (Clopper & Pearson 1934): each is wrong with chance <= delta / 2."""

    def upper(seen: int) -> float:
        return _last_true(lambda share: binomial_cdf(rows, share)[seen] > delta / 2)

    low = 0.0 if count == 0 else 1 - upper(rows - count)
    return low, 1.0 if count == rows else upper(count)


def _last_true(holds: Callable[[float], bool]) -> float:
    """The place in 0..1, to 1e-12 from above, where a statement turns from true to false."""
    low, high = 0.0, 1.0
    while high - low > 1e-12:
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return high


def mean_is_below(
    losses: Iterable[Float64s],
    rows: int,
    *,
    level: float | Float64s,
    ceiling: float | Float64s,
    delta: float,
) -> Bools:
    """Whether `rows` losses prove, at risk `delta`, that their true mean is `level` or less.

    `losses` gives one array for each row, in an order that tells nothing about it (shuffle); the
    array holds that row's loss in every test, all of one shape (tests, ...), and none may be above
    `ceiling`; below, nothing is asked. A test of a mean that is really above `level` comes out
    true with a chance of at most `delta`.

    This is a test by betting (Waudby-Smith & Ramdas 2024, section 4). Who bets a part of his
    capital on each next loss being below `level` multiplies it by 1 - bet * (loss - level); if the
    mean is above `level` no way of betting makes 1 into 1 / delta with a chance above delta
    (Ville's inequality). Any bets are valid that do not look ahead and cannot ruin. Ours recompute
    what is still to win, as STaR-Bets do (Voráček & Orabona 2025): they replicate a claim that
    pays 1 / delta where the z-test rejects, so that little is lost against the normal
    approximation, though nothing rests on it.
    """
    room = np.asarray(ceiling - np.asarray(level, dtype=np.float64))
    pot = _Pot(np.where(room > 0, room, 1.0), goal=1 / delta)
    for number, loss in enumerate(losses):
        if number % max(1, rows // REVISIONS) == 0:
            pot.revise(number, rows)
        pot.bet(loss - level)
    refuted: Bools = np.broadcast_to(pot.won | (room <= 0), np.shape(pot.won))
    return refuted


class _Pot:
    """The capital of one bettor per test, and what was seen of each test's losses.

    `room` is the most that a loss can be above the level.
    """

    def __init__(self, room: Float64s, *, goal: float) -> None:
        self.room = room
        self.goal = goal
        self.capital = np.ones(())
        self.total = self.squares = np.zeros(())
        self.won = np.zeros((), dtype=np.bool_)
        self.bets = np.zeros(())

    def revise(self, number: int, rows: int) -> None:
        """New bets after `number` of `rows` losses."""
        seen = np.maximum(self.squares - self.total**2 / max(number, 1), 0.0)
        spread = np.sqrt((self.room**2 / 4 + seen) / (number + 1))  # one row as wide as can be
        knots, ratios = _hedge_ratios()
        reached = np.maximum(self.capital / self.goal, 1e-12)
        wanted = np.interp(np.log(reached), knots, ratios) / (spread * math.sqrt(rows - number))
        self.bets = np.where(reached >= 1, 0.0, np.minimum(wanted, BOLDEST / self.room))

    def bet(self, excess: Float64s) -> None:
        """One more row: how far its losses are above the level."""
        self.capital = np.minimum(self.capital * (1 - self.bets * excess), 1e12)
        self.won = self.won | (self.capital >= self.goal)
        self.total = self.total + excess
        self.squares = self.squares + excess * excess


@cache
def _hedge_ratios() -> tuple[Float64s, Float64s]:
    """log(u), and phi(z) / u at z = the u-quantile of the normal distribution.

    That is the relative hedge ratio of a claim that pays 1 if a Brownian motion with one unit of
    variance to go ends high enough, and is now worth u.
    """
    normal = NormalDist()
    knots = np.linspace(-28.0, -1e-6, 1000)
    return knots, np.array([normal.pdf(normal.inv_cdf(u)) / u for u in np.exp(knots)])


def rows_for_mean(
    means: Float64s, variances: Float64s, *, level: float, ceiling: float, delta: float
) -> Float64s:
    """How many rows with these means and variances prove a mean below `level`; infinite for never.

    Bernstein's inequality, solved for the number. The betting test needs about that many to
    succeed four times out of five.
    """
    slack = level - means
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = variances + (ceiling - means) * slack / 3
        rows = 2 * math.log(1 / delta) * scale / slack**2
    needed: Float64s = np.where(slack > 0, np.ceil(rows), np.inf)
    return needed


def rows_for_share(shares: Float64s, *, level: float, delta: float) -> Float64s:
    """The same for shares of rows and the exact binomial test (Chernoff's bound)."""
    with np.errstate(divide="ignore"):
        below = np.clip(shares, 1e-12, 1 - 1e-12)
        rows = math.log(1 / delta) / divergence(below, level)
    needed: Float64s = np.where(shares < level, np.ceil(rows), np.inf)
    return needed


def divergence(share: Float64s, level: float) -> Float64s:
    """Kullback-Leibler divergence of two coins, in nats."""
    nats: Float64s = share * np.log(share / level) + (1 - share) * np.log((1 - share) / (1 - level))
    return nats
