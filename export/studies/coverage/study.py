"""Coverage of guaranteed prices: how often each keeps its target, and at what cost.

The population is the pool of a table's rows that nothing was trained on (dev and test). Each
calibration set is drawn from it with replacement, so that its rows are independent draws from that
population, which is what the guarantee speaks of; the true risk of a price is its mean over
the whole pool.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from edge_router.learning.calibration.bounds import binomial_interval
from edge_router.learning.calibration.evidence import Evidence, ExpertOutcomes
from edge_router.learning.calibration.risk_control import (
    GRID,
    along_grid,
    chosen,
    most_usd,
    risks,
    useful,
)
from edge_router.learning.calibration.targets import Quantity, Target
from edge_router.routing.arrays import Bools, Float64s
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.artifact.representation import Representation
from edge_router.routing.experts.expert import Expert, find_head
from edge_router.routing.roster import profile_experts

from ...data.outcome_set import OutcomeSet, load_tables, outcome_set
from ...data.rows import BadData
from ...graphs.represent import Representations
from .methods import Method, _methods

__all__ = [
    "Coverage",
    "Pair",
    "Pool",
    "coverage",
    "coverage_json",
    "coverage_table",
    "pools",
    "study",
]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two experts of a table, and the profiles whose reference prices they are given."""

    table: str
    weak: str
    weak_profile: str
    strong: str
    strong_profile: str


PAIRS = (
    Pair("mmlu_test_joint", "mixtral-8x7b-instruct", "8b", "gpt-4-1106-preview", "frontier"),
    Pair("mmlu_pro_29models", "Phi-3-mini-4k-instruct", "3b", "gemini-1.5-pro-002", "frontier"),
    Pair(
        "llmrouter_uiuc_9models",
        "mistral-7b-instruct-v0.3",
        "8b",
        "llama-3.1-nemotron-51b-instruct",
        "70b",
    ),
)
QUALITIES = (0.9, 0.95)
COST_SHARES = (0.5, 0.8)  # of what always asking the strong expert costs
SIZES = (200, 500, 2000)
DELTAS = (0.1, 0.05)
SPLITS = 500
AT_ONCE = 50  # calibration sets worked on together
NO_MORE = 1e-9  # a mean above its level by less is rounding


@dataclass(frozen=True, slots=True)
class Pool:
    """A table's rows that were not trained on, with both experts' outcomes."""

    pair: Pair
    evidence: Evidence

    def targets(self) -> list[tuple[Target, ...]]:
        """Quality, cost (as shares of the strong expert's), and one of each together, if they can
        be met at all."""
        costs = self.evidence.strong.cost_usd
        assert costs is not None
        quality = [Target(Quantity.QUALITY, share) for share in QUALITIES]
        cost = [Target(Quantity.COST, float(costs.mean()) * share) for share in COST_SHARES]
        wanted = [*((one,) for one in (*quality, *cost)), (quality[0], cost[-1])]
        return [targets for targets in wanted if self.met(targets).any()]

    def met(self, targets: Sequence[Target]) -> Bools:
        """(prices,) where the pool itself meets the targets: the truth of the study."""
        turns = self.evidence.turns
        asked = risks(targets, self.evidence)
        meets: Bools = np.all([risk.means(turns) <= risk.level + NO_MORE for risk in asked], axis=0)
        return meets


@dataclass(frozen=True, slots=True)
class Coverage:
    """One method on many calibration sets of one size.

    `violations` is the share of sets whose price misses a target on the whole pool, with its
    95 % limits; `strong_calls` the mean share of the pool's queries that go to the strong expert,
    `oracle_calls` that of the best price on the pool; `refused` the share of sets that support
    no price, which then count as always asking the safe expert.
    """

    table: str
    targets: str
    method: str
    rows: int
    delta: float
    splits: int
    violations: float
    violations_low: float
    violations_high: float
    strong_calls: float
    oracle_calls: float
    refused: float

    @property
    def holds(self) -> bool:
        """Whether the violations are within delta, up to their binomial error."""
        return self.violations_low <= self.delta

    @property
    def price(self) -> float:
        """Strong calls away from the oracle's, on the safe side where positive."""
        away = self.strong_calls - self.oracle_calls
        return away if "quality" in self.targets else -away


def pools(
    artifact: RouterArtifact, data: Path, *, work: Path, pairs: Sequence[Pair] = PAIRS
) -> list[Pool]:
    """The tables' dev and test rows as `artifact` sees them; vectors are kept in `work`.

    Raises BadData for a table that is not there.
    """
    tables = load_tables(data, [])
    for pair in pairs:
        if pair.table not in tables:
            raise BadData(f"no table {pair.table!r} in {data}; there are {', '.join(tables)}")
    wanted = {pair.table: tables[pair.table] for pair in pairs}
    outcomes = outcome_set(wanted, artifact.manifest.max_chars)
    held_out = outcomes.where(outcomes.splits != "train")
    seen = Representations.of_artifact(artifact, work).with_lengths(held_out.texts)
    return [_pool(artifact, pair, held_out, *seen) for pair in pairs]


def _pool(
    artifact: RouterArtifact, pair: Pair, outcomes: OutcomeSet, vectors: Float64s, lengths: Float64s
) -> Pool:
    weak, strong = (outcomes.column(name).astype(np.float64) for name in (pair.weak, pair.strong))
    here = (outcomes.tables == pair.table) & ~np.isnan(weak) & ~np.isnan(strong)
    queries = [
        (Representation(vectors[row].astype(np.float32), float(lengths[row])), characters)
        for row, characters in zip(
            np.flatnonzero(here), outcomes.characters[here].tolist(), strict=True
        )
    ]
    evidence = Evidence.estimated(
        _expert(artifact, pair.weak, pair.weak_profile),
        _expert(artifact, pair.strong, pair.strong_profile),
        queries,
        (weak[here], strong[here]),
        tables=outcomes.tables[here].tolist(),
        kinds=outcomes.kinds[here].tolist(),
    )
    return Pool(pair, evidence)


def _expert(artifact: RouterArtifact, name: str, profile: str) -> Expert:
    """A model that the artifact knows, at its profile's reference prices."""
    head = find_head(artifact.experts, name, artifact.calibration["temperature"])
    return replace(profile_experts(artifact)[profile], name=name, profile=name, head=head)


def study(
    populations: Sequence[Pool],
    *,
    splits: int = SPLITS,
    sizes: Sequence[int] = SIZES,
    deltas: Sequence[float] = DELTAS,
    seed: int = 0,
) -> list[Coverage]:
    """Every target of every pool; a size may exceed the pool's, since rows are drawn anew."""
    cells = [
        (pool, targets, rows, delta)
        for pool in populations
        for targets in pool.targets()
        for rows in sizes
        for delta in deltas
    ]
    rows_of_all: list[Coverage] = []
    for pool, targets, rows, delta in tqdm(cells, "coverage", unit="cell"):
        rows_of_all += coverage(pool, targets, rows, delta, splits=splits, seed=seed)
    return rows_of_all


def coverage(
    pool: Pool, targets: Sequence[Target], rows: int, delta: float, *, splits: int, seed: int = 0
) -> list[Coverage]:
    """The guarantee, a naive price, and for quality alone two classical bounds."""
    draws = np.random.default_rng([seed, rows]).integers(0, len(pool.evidence), (splits, rows))
    return [
        _measure(pool, targets, draws, delta, method=(name, method))
        for name, method in _methods(targets).items()
    ]


def _measure(
    pool: Pool,
    targets: Sequence[Target],
    draws: npt.NDArray[np.int64],
    delta: float,
    *,
    method: tuple[str, Method],
) -> Coverage:
    name, good_ones = method
    most = most_usd(pool.evidence)
    picks, refused = [], []
    for sample in _samples(pool.evidence, draws):
        asked = risks(targets, sample, max_cost_usd=most)
        good = good_ones(asked, sample.turns, delta) & useful(targets, sample.turns)
        refused.append(~good.any(axis=-1))
        picks.append(np.where(refused[-1], _safe(targets), chosen(targets, good)))
    return _summary(
        pool,
        targets,
        np.concatenate(picks),
        np.concatenate(refused),
        rows=draws.shape[1],
        delta=delta,
        method=name,
    )


def _samples(evidence: Evidence, draws: npt.NDArray[np.int64]) -> Iterator[Evidence]:
    """Calibration sets, some at a time: arrays (samples, queries)."""

    def drawn(side: ExpertOutcomes, rows: npt.NDArray[np.int64]) -> ExpertOutcomes:
        costs = None if side.cost_usd is None else side.cost_usd[rows]
        return ExpertOutcomes(side.scores[rows], costs, side.latency_s[rows])

    for start in range(0, len(draws), AT_ONCE):
        rows = draws[start : start + AT_ONCE]
        yield replace(
            evidence,
            turns=evidence.turns[rows],
            strong_is_cheaper=evidence.strong_is_cheaper[rows],
            weak=drawn(evidence.weak, rows),
            strong=drawn(evidence.strong, rows),
        )


def _safe(targets: Sequence[Target]) -> int:
    """The price that stands for a refusal: always or never asking the strong expert."""
    return 0 if any(t.quantity is Quantity.QUALITY for t in targets) else len(GRID) - 1


def _summary(
    pool: Pool,
    targets: Sequence[Target],
    picks: npt.NDArray[np.int64],
    refused: Bools,
    *,
    rows: int,
    delta: float,
    method: str,
) -> Coverage:
    evidence = pool.evidence
    met = pool.met(targets)
    nobody, everybody = np.zeros(len(evidence)), np.ones(len(evidence))
    calls = along_grid(evidence.turns, *evidence.by_expense(nobody, everybody))
    missed = int((~met[picks] & ~refused).sum())
    low, high = binomial_interval(missed, len(picks), 0.05)
    return Coverage(
        table=pool.pair.table,
        targets=", ".join(map(str, targets)),
        method=method,
        rows=rows,
        delta=delta,
        splits=len(picks),
        violations=missed / len(picks),
        violations_low=low,
        violations_high=high,
        strong_calls=float(calls[picks].mean()),
        oracle_calls=float(calls[chosen(targets, met)]),
        refused=float(refused.mean()),
    )


def coverage_table(findings: Sequence[Coverage]) -> str:
    """Markdown: one line a table, target, size, delta and method."""
    head = (
        "| table | targets | rows | delta | method | violations | 95 % limits | within delta "
        "| refused | strong calls | oracle's | price |"
    )
    lines = [
        f"| {one.table} | {one.targets} | {one.rows} | {one.delta:g} | {one.method} "
        f"| {one.violations:.3f} | {one.violations_low:.3f}-{one.violations_high:.3f} "
        f"| {'yes' if one.holds else 'no'} | {one.refused:.3f} | {one.strong_calls:.3f} "
        f"| {one.oracle_calls:.3f} | {one.price:+.3f} |"
        for one in findings
    ]
    return "\n".join([head, "|---|---|---:|---:|---|---:|---:|---|---:|---:|---:|---:|", *lines])


def coverage_json(findings: Sequence[Coverage]) -> list[dict[str, Any]]:
    """One object a line of the table."""
    return [asdict(one) | {"holds": one.holds, "price": one.price} for one in findings]
