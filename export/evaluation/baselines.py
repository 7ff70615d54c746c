"""Baselines and bounds: random, prompt length, task only, best single, oracle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from edge_router.routing.arrays import Float64s

from ..routers import ROUTERS, make_router
from ..routers.rules.heuristics import PromptLength, TaskOnly
from .contenders import Contender, Predictions, RouterContender, Side
from .tasks.task import Task

__all__ = ["BASELINES", "Baseline", "oracle_choice_probabilities", "research_contenders"]


UNINFORMED = ("Random", "Zero")
PREDICT_SCORES = ("PRknn", "C-RoBERTa", "Ridge gain")  # others' utilities mean other things


@dataclass(frozen=True, slots=True)
class Baseline:
    """A contender that is one function of the task."""

    name: str
    source: str
    decide: Callable[[Task], Predictions]
    side: Side = Side.BASELINE
    probabilities: bool = False
    ranks: bool = True
    key: str = ""

    def predict(self, task: Task, *, work: Path, seed: int) -> Predictions:  # noqa: ARG002 - nothing is learned
        return self.decide(task)


def _random(task: Task) -> Predictions:
    """All experts alike: what is drawn at random comes out as its expectation."""
    return Predictions(np.zeros_like(task.test.scores))


def _best_single(task: Task) -> Predictions:
    """The best expert of the train rows for every query, the last of equals."""
    means = task.train.scores.mean(axis=0)
    best = len(means) - 1 - int(means[::-1].argmax())
    alone = np.eye(len(means))[best]
    return Predictions(np.tile(means, (len(task.test), 1)), np.tile(alone, (len(task.test), 1)))


def _oracle(task: Task) -> Predictions:
    return Predictions(task.test.scores, drawn=oracle_choice_probabilities(task.test.scores, 1.0))


def _half_oracle(task: Task) -> Predictions:
    drawn = oracle_choice_probabilities(task.test.scores, 0.5)
    return Predictions(np.log(drawn), drawn)


BASELINES: tuple[Contender, ...] = (
    Baseline("random", "no order: an APGR of 0.5 by definition", _random),
    replace(RouterContender.of(PromptLength), side=Side.BASELINE),
    replace(RouterContender.of(TaskOnly, probabilities=True), side=Side.BASELINE),
    Baseline(
        "best single", "the best expert of the train rows, always", _best_single, probabilities=True
    ),
    Baseline("oracle", "is told the outcomes", _oracle, side=Side.BOUND),
    Baseline(
        "r_o(0.5)",
        "RouterEval, section 3: oracle or random by a coin",
        _half_oracle,
        side=Side.BOUND,
        ranks=False,
    ),
)


def research_contenders(names: Sequence[str] | None = None) -> list[Contender]:
    """The field's routers by their names in `routers.ROUTERS`; without `names`, all of them.

    Those that take part anyway, as BASELINES, are left out, and unless they are named also
    TO-Router's Random and Zero, whose expectation `random` is. Raises BadData for an unknown name.
    """
    present = {contender.name for contender in BASELINES}
    asked = [name for name in ROUTERS if name not in UNINFORMED] if names is None else names
    wanted = [name for name in asked if name not in present]
    return [
        RouterContender.of(partial(make_router, name), probabilities=name in PREDICT_SCORES)
        for name in wanted
    ]


def oracle_choice_probabilities(scores: Float64s, p: float) -> Float64s:
    """How probably r_o(p) chooses each expert (RouterEval, Huang et al. 2025, equation 2).

    With probability `p` one of the experts at the query's best score, else any; both uniformly.
    p = 1 is the oracle (TO-Router's Optimal), p = 0 random. `scores` and the result
    (queries, experts). Raises ValueError for `p` outside 0..1.
    """
    if not 0 <= p <= 1:
        raise ValueError(f"p is {p}; a probability lies in 0..1")
    best = scores == scores.max(axis=1, keepdims=True)
    oracle = best / best.sum(axis=1, keepdims=True)
    probabilities: Float64s = p * oracle + (1 - p) / scores.shape[1]
    return probabilities
