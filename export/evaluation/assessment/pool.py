"""Pools of experts: what a router expects of each for a query, and what each scored and cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from edge_router.chat.completion import CHARACTERS_PER_TOKEN
from edge_router.learning.outcomes.rows import Row
from edge_router.routing.arrays import Float64s, Places
from edge_router.routing.deciding.price import chosen, expenses
from edge_router.routing.experts.expert import ExpertHead, Pricing

from ...metrics.apgr import Counts, hull_heights, upper_hull
from ...training.heads import LinearHead, fit_model_head
from ..tasks.measurements import answer_costs
from .setting import PricePoint, Setting
from .split_rows import knowing

__all__ = ["Member", "Pool", "PoolPlan", "pool_of"]


SWEPT = np.concatenate([[0.0], np.geomspace(1e-4, 300.0, 90)])  # prices of a whole curve


@dataclass(frozen=True, slots=True)
class Member:
    """`expert` is its column; the first of `heads` that the artifact knows stands for it.

    `pricing` None: the rows state its dollars.
    """

    expert: str
    heads: tuple[str, ...]
    pricing: Pricing | None
    on_device: bool = False


@dataclass(frozen=True, slots=True)
class PoolPlan:
    """Members of one table, from the smallest to the largest; with `enrolled`, heads are fitted to
    the table's train rows, as `edge-router enroll` does."""

    name: str
    table: str
    members: tuple[Member, ...]
    kind: str = "open"
    enrolled: bool = False


@dataclass(frozen=True)
class Pool:
    """All (queries, experts), from the smallest expert to the largest.

    `expected` and `scores` in 0..1, `expense` what the rule weighs in 0..1, `dollars` what the
    answers really cost; `lengths` (queries,) of the prompts in characters.
    """

    name: str
    experts: tuple[str, ...]
    expected: Float64s
    scores: Float64s
    expense: Float64s
    dollars: Float64s
    lengths: Float64s

    def outcome(self, picks: Places) -> tuple[Float64s, Float64s]:
        """Scores and dollars (queries,) of the experts chosen."""
        rows = np.arange(len(picks))
        return self.scores[rows, picks], self.dollars[rows, picks]

    def chosen(self, point: PricePoint) -> Places:
        """By the price rule, from the router's estimates."""
        return point.chosen(self.expected, self.expense)

    def singles(self, counts: Counts) -> tuple[Float64s, Float64s]:
        """Mean dollars and scores of each expert alone, both (resamples, experts)."""
        total = counts.sum(axis=1, keepdims=True)
        return counts @ self.dollars / total, counts @ self.scores / total

    def coin(self, spent: Float64s, counts: Counts) -> Float64s:
        """(resamples,) quality at the same cost of a coin between two single experts: their hull.

        `spent` (resamples,) mean dollars.
        """
        return hull_heights(spent, *self.singles(counts))

    def swept(self, qualities: Float64s, *, floor: bool = True) -> tuple[Float64s, Float64s]:
        """Mean dollars and scores (prices,) over all prices, of choices by `qualities`.

        Without `floor`, a nearly free expert in the cloud counts its dollars only.
        """
        expense = self.expense if floor else _shares(self.dollars)
        outcomes = [self.outcome(chosen(qualities, expense, price)) for price in SWEPT.tolist()]
        return (
            np.array([dollars.mean() for _, dollars in outcomes]),
            np.array([scores.mean() for scores, _ in outcomes]),
        )

    def best_at(self, spent: float) -> float:
        """The best quality at a cost that some price reaches, or a mix of two prices."""
        return float(np.interp(spent, *self._best))

    def oracle_at(self, spent: float) -> float:
        """The same of choices by the scores themselves."""
        return float(np.interp(spent, *self._oracle))

    @cached_property
    def _best(self) -> tuple[Float64s, Float64s]:
        return upper_hull(*self.swept(self.expected, floor=False))

    @cached_property
    def _oracle(self) -> tuple[Float64s, Float64s]:
        return upper_hull(*self.swept(self.scores, floor=False))


def pool_of(setting: Setting, plan: PoolPlan) -> Pool:
    """The rows of the split that know every member. Raises BadRow, NoSuchFile."""
    experts = tuple(member.expert for member in plan.members)
    rows = knowing(setting.rows.measured(plan.table, plan.kind), *experts)
    read = setting.subject.read([row["query"] for row in rows])
    heads = [_head(setting, plan, member) for member in plan.members]
    tokens = np.exp(np.stack([read.base_log_tokens + head.log_tokens for head in heads], axis=1))
    dollars = np.array([[_spent(row, member) for member in plan.members] for row in rows])
    expected_dollars = _expected_dollars(rows, plan, tokens, dollars)
    leaves = np.array([not member.on_device for member in plan.members])
    return Pool(
        plan.name,
        experts,
        np.stack([head.qualities(read.vectors) for head in heads], axis=1).astype(np.float64),
        np.array([[row["score"][expert] for expert in experts] for row in rows]),
        expenses(expected_dollars, np.zeros_like(expected_dollars), leaves),
        dollars,
        np.array([float(len(row["query"])) for row in rows]),
    )


def _head(setting: Setting, plan: PoolPlan, member: Member) -> ExpertHead:
    nearest = setting.subject.head(*member.heads)
    if not plan.enrolled:
        return nearest
    rows = knowing(setting.rows.train(plan.table, plan.kind), member.expert)
    vectors = setting.subject.read([row["query"] for row in rows]).vectors
    scores = np.array([row["score"][member.expert] for row in rows])
    prior = LinearHead(nearest.bias, nearest.weights.astype(np.float64))
    fitted = fit_model_head(vectors, scores, prior)
    return replace(nearest, bias=fitted.bias, weights=fitted.weights.astype(np.float32))


def _spent(row: Row, member: Member) -> float:
    """Dollars of one answer: stated, or its price for its tokens (characters / 4)."""
    if member.pricing is None:
        return float(row["cost_usd"][member.expert])
    written = row.get("answer_tokens")
    if written is None:
        written = row["out_chars"][member.expert] / CHARACTERS_PER_TOKEN
    return member.pricing.cost(_read(row), written)


def _read(row: Row) -> float:
    characters: float = row.get("prompt_chars", len(row["query"]))
    return characters / CHARACTERS_PER_TOKEN


def _expected_dollars(
    rows: Sequence[Row], plan: PoolPlan, tokens: Float64s, dollars: Float64s
) -> Float64s:
    """What the rule weighs: the price for the expected tokens (queries, experts).

    Where rows state dollars, each expert's mean: its price for the same tokens.
    """
    prices = [member.pricing for member in plan.members if member.pricing]
    if len(prices) < len(plan.members):
        return np.tile(dollars.mean(axis=0), (len(rows), 1))
    read = np.array([_read(row) for row in rows])
    costs = [answer_costs(price, read, each) for price, each in zip(prices, tokens.T, strict=True)]
    return np.stack(costs, axis=1)


def _shares(dollars: Float64s) -> Float64s:
    """Of the mean dollars of the dearest expert: what is best by them is best at some mean cost."""
    shares: Float64s = dollars / max(float(dollars.mean(axis=0).max()), 1e-12)
    return shares
