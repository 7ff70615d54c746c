"""Open-ended answers graded or checked: APGR of pairs of sizes, and the share of what is possible.

The oracle itself stays far below 1 where the strong model nearly always wins, so the share of its
headroom, (APGR - 0.5) / (oracle - 0.5), stands beside APGR.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_router.learning.outcomes.rows import Row
from edge_router.routing.arrays import Float64s, Places

from ....metrics.apgr import Counts, GapCurve, with_interval
from ..result import Cell, MeasureTable, Result
from ..setting import Setting

__all__ = ["GradedPair", "graded"]

RANDOM_APGR = 0.5
APGR_COLUMNS = (
    "pair", "queries", "weak", "strong", "router", "prompt length", "oracle", "above length",
)  # fmt: skip
EXPLAINED = (
    "Queries go to the strong expert in the order of the expected gain between the two sizes "
    "that stand for the pair. A share of 0 is random, 1 is the oracle. Small tables: look at "
    "the intervals."
)


@dataclass(frozen=True, slots=True)
class GradedPair:
    """A weak and a strong expert of a table, each with the size whose estimate stands for it."""

    table: str
    weak: str
    weak_size: str
    strong: str
    strong_size: str = "frontier"


TENGU, IFEVAL, HOME = "tengu_en_6sizes", "m_ifeval_17models", "home_assistant_60models"
GPT_4O = "gpt-4o-2024-08-06"

GRADED = (
    GradedPair(TENGU, "class/1b", "1b", "class/frontier"),
    GradedPair(TENGU, "class/8b", "8b", "class/frontier"),
    GradedPair(IFEVAL, "Qwen2.5-0.5B-Instruct-GPTQ-Int4", "1b", GPT_4O),
    GradedPair(IFEVAL, "Qwen2.5-1.5B-Instruct-GPTQ-Int4", "1b", GPT_4O),
    GradedPair(IFEVAL, "Qwen2.5-3B-Instruct-GPTQ-Int4", "3b", GPT_4O),
    GradedPair(IFEVAL, "Qwen2.5-7B-Instruct-GPTQ-Int4", "8b", GPT_4O),
    GradedPair(HOME, "llama3.2-1b", "1b", "qwen2.5-32b", "70b"),
    GradedPair(HOME, "qwen3-1.7b", "1b", "gpt-4.1"),
    GradedPair(HOME, "llama3.2-3b", "3b", "llama3.3", "70b"),
    GradedPair(HOME, "llama3.1", "8b", "gpt-4o"),
)


@dataclass(frozen=True, slots=True)
class Scored:
    """One pair's rows: expected gains, prompt lengths and real scores, all (rows,).

    `places` (rows,) are their numbers among the `of` rows of the table, which the pairs share.
    """

    places: Places
    of: int
    gains: Float64s
    lengths: Float64s
    weak: Float64s
    strong: Float64s

    def apgr(self, order: Float64s, counts: Counts) -> Float64s:
        return GapCurve.of(order, self.weak, self.strong, counts).apgr()

    def oracle(self, counts: Counts) -> Float64s:
        return self.apgr(self.strong - self.weak, counts)

    def share(self, order: Float64s, counts: Counts) -> Float64s:
        """Of the oracle's headroom (resamples,), NaN where it has none."""
        headroom = self.oracle(counts) - RANDOM_APGR
        ahead = self.apgr(order, counts) - RANDOM_APGR
        nothing = np.full(len(counts), np.nan)
        shares: Float64s = np.divide(ahead, headroom, out=nothing, where=headroom > 0)
        return shares


def graded(setting: Setting, asked: Sequence[GradedPair] = GRADED) -> Result:
    """Each pair on the rows of the split that know both experts."""
    rows: list[tuple[Cell, ...]] = []
    shares: list[tuple[Cell, ...]] = []
    for table in dict.fromkeys(pair.table for pair in asked):
        mine = [pair for pair in asked if pair.table == table]
        scored = [_scored(setting, pair) for pair in mine]
        for pair, one in zip(mine, scored, strict=True):
            name = f"{table}: {pair.weak} < {pair.strong}"
            rows.append((name, len(one.weak), *_apgrs(setting, one)))
            shares.append((name, *_shares(setting, one)))
        shares.append((f"{table}: mean", *_mean_shares(setting, scored)))
    tables = (
        MeasureTable("APGR", APGR_COLUMNS, tuple(rows)),
        MeasureTable(
            "Share of the oracle's headroom", ("pair", "router", "prompt length"), tuple(shares)
        ),
    )
    return Result("graded", "Open-ended answers, graded", (EXPLAINED,), tables)


def _scored(setting: Setting, pair: GradedPair) -> Scored:
    rows = setting.rows.measured(pair.table)
    places = [place for place, row in enumerate(rows) if _knows_both(row, pair)]
    known = [rows[place] for place in places]
    texts = [row["query"] for row in known]
    return Scored(
        np.array(places, dtype=np.intp),
        len(rows),
        setting.subject.read(texts).gain(pair.weak_size, pair.strong_size),
        np.array([float(len(text)) for text in texts]),
        np.array([row["score"][pair.weak] for row in known]),
        np.array([row["score"][pair.strong] for row in known]),
    )


def _knows_both(row: Row, pair: GradedPair) -> bool:
    return pair.weak in row["score"] and pair.strong in row["score"]


def _apgrs(setting: Setting, one: Scored) -> tuple[Cell, ...]:
    counts = setting.counts(len(one.weak))
    return (
        float(one.weak.mean()),
        float(one.strong.mean()),
        with_interval(lambda drawn: one.apgr(one.gains, drawn), counts),
        with_interval(lambda drawn: one.apgr(one.lengths, drawn), counts),
        with_interval(one.oracle, counts),
        with_interval(
            lambda drawn: one.apgr(one.gains, drawn) - one.apgr(one.lengths, drawn), counts
        ),
    )


def _shares(setting: Setting, one: Scored) -> tuple[Cell, ...]:
    counts = setting.counts(len(one.weak))
    return (
        with_interval(lambda drawn: one.share(one.gains, drawn), counts),
        with_interval(lambda drawn: one.share(one.lengths, drawn), counts),
    )


def _mean_shares(setting: Setting, scored: Sequence[Scored]) -> tuple[Cell, ...]:
    """Means over pairs of one table; its queries are resampled for all of them together."""
    counts = setting.counts(scored[0].of)

    def mean(drawn: Counts, *, by_length: bool) -> Float64s:
        parts = [
            one.share(one.lengths if by_length else one.gains, drawn[:, one.places])
            for one in scored
        ]
        total: Float64s = np.mean(parts, axis=0)
        return total

    return (
        with_interval(lambda drawn: mean(drawn, by_length=False), counts),
        with_interval(lambda drawn: mean(drawn, by_length=True), counts),
    )
