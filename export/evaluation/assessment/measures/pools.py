"""Pools of several experts at each operating point: quality at the cost spent, and published units.

Quality stands beside a coin between single experts at the same cost (the hull), the best price of
quality and the oracle. The other table has the units of published routers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_router.routing.arrays import Float64s, Places

from ....data.rows import NoSuchFile
from ....metrics.agreement import means
from ....metrics.apgr import Counts, upper_hull, with_interval
from ..pool import Pool, PoolPlan, pool_of
from ..pool_plans import pool_plans
from ..result import Cell, MeasureTable, Result
from ..setting import Setting

__all__ = ["measured_pools", "pools", "too_small"]


TEXT = """\
The choice is the largest quality - price x expense. The hull is a coin between two single experts
at the same mean dollars. The best price has the same estimates without the floor of leaving the
device, at whatever price is best afterwards; the oracle knows the scores. Everyday pools count
ratings as scores.

A query went to a too small expert where a larger one scores at least 0.5 more. Saved and kept are
shares of the best single expert's dollars and quality.
"""
CLEARLY = 0.5  # a larger expert scores so much more: the one chosen was too small


def pools(setting: Setting, plans: Sequence[PoolPlan] | None = None) -> Result:
    """Every pool whose table is there."""
    quality: list[tuple[Cell, ...]] = []
    units: list[tuple[Cell, ...]] = []
    picked: list[tuple[Cell, ...]] = []
    for pool in measured_pools(setting, plans or pool_plans(setting.recipe)):
        counts = setting.counts(len(pool.scores))
        for point_name, point in setting.points.items():
            at = Point(pool, pool.chosen(point), counts)
            name = f"{pool.name}: {point_name}"
            quality.append((name, len(pool.scores), *at.quality_cells()))
            units.append((name, *at.unit_cells()))
            picked.append((name, ", ".join(at.shares())))
    return Result(
        "pools",
        "Pools of several experts",
        tuple(" ".join(part.split()) for part in TEXT.split("\n\n")),
        (
            MeasureTable("Quality at the cost spent", QUALITY_HEADER, tuple(quality)),
            MeasureTable("In published units", UNIT_HEADER, tuple(units)),
            MeasureTable("Who was asked", ("pool and point", "shares"), tuple(picked)),
        ),
    )


def measured_pools(setting: Setting, plans: Sequence[PoolPlan]) -> list[Pool]:
    """The pools of tables that are there."""
    measured = []
    for plan in plans:
        try:
            measured.append(pool_of(setting, plan))
        except NoSuchFile:
            continue
    if not measured:
        raise NoSuchFile("no table of any pool is there")
    return measured


QUALITY_HEADER = (
    "pool and point",
    "queries",
    "quality",
    "dollars per 1,000",
    "hull at that cost",
    "above the hull",
    "best price at that cost",
    "oracle at that cost",
)
UNIT_HEADER = (
    "pool and point",
    "sent to a too small expert",
    "coin",
    "best single",
    "dollars saved",
    "quality kept",
    "coin's quality kept",
)


@dataclass(frozen=True, slots=True)
class Point:
    """One pool decided at one operating point; `picks` (queries,) are numbers of experts."""

    pool: Pool
    picks: Places
    counts: Counts

    def quality_cells(self) -> tuple[Cell, ...]:
        scores, dollars = self.pool.outcome(self.picks)
        spent = float(dollars.mean())
        return (
            with_interval(lambda drawn: means(scores, drawn), self.counts),
            spent * 1000,
            float(self.pool.coin(np.array([spent]), self._once)[0]),
            with_interval(self._above_hull, self.counts),
            self.pool.best_at(spent),
            self.pool.oracle_at(spent),
        )

    def unit_cells(self) -> tuple[Cell, ...]:
        single = self._best_single()
        alone = np.full_like(self.picks, single)
        scores, dollars = self.pool.outcome(self.picks)
        best_scores, best_dollars = self.pool.outcome(alone)
        failed, spent = too_small(self.pool, self.picks), float(dollars.mean())
        quality = float(self.pool.coin(np.array([spent]), self._once)[0])
        return (
            with_interval(lambda drawn: means(failed, drawn), self.counts),
            self._coin_too_small(spent),
            float(too_small(self.pool, alone).mean()),
            with_interval(lambda drawn: 1 - _ratio(dollars, best_dollars, drawn), self.counts),
            with_interval(lambda drawn: _ratio(scores, best_scores, drawn), self.counts),
            quality / float(best_scores.mean()),
        )

    def shares(self) -> list[str]:
        asked = np.bincount(self.picks, minlength=len(self.pool.experts)) / len(self.picks)
        pairs = zip(self.pool.experts, asked.tolist(), strict=True)
        return [f"{expert} {share:.0%}" for expert, share in pairs]

    @property
    def _once(self) -> Counts:
        return np.ones((1, len(self.picks)), dtype=np.uint16)

    def _above_hull(self, drawn: Counts) -> Float64s:
        scores, dollars = self.pool.outcome(self.picks)
        above: Float64s = means(scores, drawn) - self.pool.coin(means(dollars, drawn), drawn)
        return above

    def _best_single(self) -> int:
        """The expert with the best mean score, the smallest of equals."""
        return int(self.pool.scores.mean(axis=0).argmax())

    def _coin_too_small(self, spent: float) -> float:
        """Of the two single experts that the coin falls between, weighed by its share."""
        dollars, scores = (values[0] for values in self.pool.singles(self._once))
        corners, _ = upper_hull(dollars, scores)
        place = [int(np.argmin(abs(dollars - corner) - 1e-9 * scores)) for corner in corners]
        failed = [
            float(too_small(self.pool, np.full_like(self.picks, expert)).mean()) for expert in place
        ]
        return float(np.interp(spent, corners, failed))


def too_small(pool: Pool, picks: Places) -> Float64s:
    """1 for each query (queries,) on which a larger expert than the one chosen clearly scores
    more, else 0."""
    chosen_score = pool.scores[np.arange(len(picks)), picks]
    larger = np.arange(len(pool.experts)) > picks[:, None]
    best = np.where(larger, pool.scores, -np.inf).max(axis=1)
    clearly: Float64s = (best >= chosen_score + CLEARLY).astype(np.float64)
    return clearly


def _ratio(part: Float64s, whole: Float64s, drawn: Counts) -> Float64s:
    ratio: Float64s = means(part, drawn) / np.maximum(means(whole, drawn), 1e-12)
    return ratio
