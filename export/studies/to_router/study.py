"""TO-Router's experiment: routers taught the similarity, on five folds of the questions."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from edge_router.learning.outcomes.rows import Row
from edge_router.routing.arrays import Float32s, Float64s, Places

from ...data.outcome_set import OutcomeSet, outcome_set
from ...data.packaged import base_folder
from ...data.rows import BadData
from ...evaluation.baselines import TRIALS
from ...evaluation.contenders import pick
from ...evaluation.tasks.measurements import measure
from ...metrics.apgr import Counts, Interval, draw_counts, with_interval
from ...routers import FineTuning, make_router
from ...routers.base import Pool, Queries
from ...training.embedding import embed_cached
from .experts import EXPERTS

__all__ = ["COLUMNS", "FOLDS", "LEAST", "Method", "ToRouterStudy", "to_router_study"]

FOLDS = 5  # each leaves a fifth out, as the paper's one split of 80/20 does
LEARNED = ("1NN", "MLP", "BERT")
COLUMNS = ("cost_usd", "tokens_per_s", "similarity", "nll", "score")
LEAST = ("cost_usd", "nll")  # of these the least is the best
MAX_CHARS = 1024
TABLE = "to-router"


@dataclass(frozen=True, slots=True)
class Method:
    """An expert alone, a router, or a bound that knows the answers: its `shares` (queries, experts)
    of each query."""

    name: str
    kind: str
    shares: Float64s


@dataclass(frozen=True, slots=True)
class ToRouterStudy:
    """What every method did on every question.

    `columns` are the measurements by name, (queries, experts) each; `cost_usd` in dollars for all
    queries together where it is averaged. `kinds` (queries,) of the questions, `counts` (resamples,
    queries) of the bootstrap.
    """

    experts: tuple[str, ...]
    kinds: tuple[str, ...]
    methods: tuple[Method, ...]
    columns: Mapping[str, Float64s]
    counts: Counts
    seed: int

    def mean(self, method: Method, column: str) -> Interval:
        """Over all queries; of costs the sum."""
        return with_interval(partial(_weighted, self._answers(method, column)), self.counts)

    def difference(self, method: Method, other: Method, column: str) -> Interval:
        """Of two means, on the same resamples."""
        apart = self._answers(method, column) - self._answers(other, column)
        return with_interval(partial(_weighted, apart), self.counts)

    def of_kind(self, method: Method, column: str, kind: str) -> Interval:
        """The mean over the queries of one kind."""
        here = np.array([one == kind for one in self.kinds])
        answers = self._answers(method, column)[here]
        return with_interval(partial(_weighted, answers), self.counts[:, here])

    def best_of_each(self, column: str) -> Interval:
        """The paper's second Optimal: the best that any expert or router reached."""
        reached = [self._answers(one, column) for one in self.methods if one.kind != "bound"]
        best = np.min if column in LEAST else np.max

        def measured(counts: Counts) -> Float64s:
            found: Float64s = best([_weighted(answers, counts) for answers in reached], axis=0)
            return found

        return with_interval(measured, self.counts)

    def named(self, name: str) -> Method:
        return next(method for method in self.methods if method.name == name)

    def _answers(self, method: Method, column: str) -> Float64s:
        """(queries,) what a query costs or reaches on average."""
        answers: Float64s = (method.shares * self.columns[column]).sum(axis=1)
        return answers


def _weighted(answers: Float64s, counts: Counts) -> Float64s:
    mean: Float64s = counts @ answers / np.maximum(1, counts.sum(axis=1))
    return mean


def to_router_study(
    rows: Sequence[Row], work: Path, *, seed: int = 42, repeats: int = 1000
) -> ToRouterStudy:
    """From rows in which every measurement of every expert is known.

    Each question is answered by routers that have learned from the other four folds. Raises
    BadData for fewer questions of a kind than folds.
    """
    outcomes = outcome_set({TABLE: rows}, MAX_CHARS)
    places = np.array([outcomes.experts.index(name) for name in EXPERTS])
    measured = measure(outcomes, {TABLE: rows}).at(np.arange(len(outcomes)), places)
    columns = {
        "cost_usd": measured.cost_usd * len(outcomes),
        "tokens_per_s": measured.output_tokens / measured.latency_s,
        "similarity": measured.similarity,
        "nll": measured.nll,
        "score": outcomes.scores[:, places].astype(np.float64),
    }
    embeddings = embed_cached(outcomes.texts, base_folder(), work)
    pool = _pool(outcomes, embeddings, np.clip(columns["similarity"], 0.0, 1.0))
    tasks = {row["qkey"]: row["task"] for row in rows}
    kinds = tuple(tasks[key] for key in outcomes.qkeys)
    folds = folds_of(kinds, outcomes.qkeys)
    return ToRouterStudy(
        experts=tuple(EXPERTS),
        kinds=kinds,
        methods=tuple(_methods(pool, folds, columns["similarity"], seed)),
        columns=columns,
        counts=draw_counts(len(outcomes), repeats=repeats, seed=seed),
        seed=seed,
    )


def folds_of(kinds: Sequence[str], qkeys: Sequence[str]) -> Places:
    """The fold of each query (queries,): of each kind every fold has an equal part, by a hash."""
    folds = np.zeros(len(kinds), dtype=np.intp)
    for kind in sorted(set(kinds)):
        rows = [row for row, one in enumerate(kinds) if one == kind]
        if len(rows) < FOLDS:
            raise BadData(f"{len(rows)} questions of {kind!r}; {FOLDS} folds need as many each")
        rows.sort(key=lambda row: hashlib.sha256(qkeys[row].encode()).hexdigest())
        folds[rows] = np.arange(len(rows)) % FOLDS
    return folds


def _pool(outcomes: OutcomeSet, embeddings: Float32s, lesson: Float64s) -> Pool:
    queries = Queries(
        texts=outcomes.texts,
        kinds=outcomes.kinds,
        characters=outcomes.characters,
        embeddings=embeddings.astype(np.float64),
    )
    return Pool(queries, tuple(EXPERTS), lesson)


def _methods(pool: Pool, folds: Places, similarity: Float64s, seed: int) -> list[Method]:
    rows, experts = similarity.shape
    alone = np.eye(experts)
    methods = [
        Method(name, "expert", np.tile(alone[number], (rows, 1)))
        for number, name in enumerate(pool.experts)
    ]
    draws = np.random.default_rng(seed).integers(experts, size=(TRIALS, rows))
    methods.append(Method("Random", "router", alone[draws].mean(axis=0)))
    methods += [
        Method(name, "router", pick(_cross_fitted(name, pool, folds, seed))) for name in LEARNED
    ]
    best = np.zeros_like(similarity)
    for fold in range(FOLDS):
        best[folds == fold] = alone[pool.scores[folds != fold].mean(axis=0).argmax()]
    return [
        *methods,
        Method("best single", "baseline", best),
        Method("Zero", "baseline", np.full((rows, experts), 1 / experts)),
        Method("Optimal by similarity", "bound", pick(similarity)),
    ]


def _cross_fitted(name: str, pool: Pool, folds: Places, seed: int) -> Float64s:
    """Utilities (queries, experts) of each query by a router that has not seen its fold."""
    utilities = np.zeros_like(pool.scores)
    for fold in range(FOLDS):
        router = make_router(name, FineTuning())
        router.fit(_part(pool, np.flatnonzero(folds != fold)), seed=seed)
        left_out = np.flatnonzero(folds == fold)
        utilities[left_out] = router.utilities(_part(pool, left_out).queries)
    return utilities


def _part(pool: Pool, rows: Places) -> Pool:
    queries = pool.queries
    part = Queries(
        texts=tuple(queries.texts[row] for row in rows.tolist()),
        kinds=queries.kinds[rows],
        characters=queries.characters[rows],
        embeddings=queries.embeddings[rows],
    )
    return replace(pool, queries=part, scores=pool.scores[rows])
