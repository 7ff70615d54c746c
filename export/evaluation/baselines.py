"""Baselines and bounds: random, prompt length, task only, best single, oracle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from edge_router.routing.arrays import Float64s

from ..routers import DEFAULT, ROUTERS, FineTuning, make_router, uses
from ..routers.rules.heuristics import PromptLength, TaskOnly
from .contenders import Contender, Predictions, RouterContender, Side
from .tasks.task import Task

__all__ = ["BASELINES", "Baseline", "oracle_choice_probabilities", "research_contenders"]


UNINFORMED = ("Random", "Zero")
TRIALS = 10
PREDICT_SCORES = ("PRknn", "C-RoBERTa", "Ridge gain")  # others' utilities mean other things


@dataclass(frozen=True, slots=True)
class Baseline:
    """A contender that is one function of the task."""

    name: str
    source: str
    decide: Callable[[Task, int], Predictions]
    side: Side = Side.BASELINE
    probabilities: bool = False
    classifies: bool = False
    ranks: bool = True
    key: str = ""

    def predict(self, task: Task, *, work: Path, seed: int) -> Predictions:  # noqa: ARG002 - nothing is learned
        return self.decide(task, seed)


def _random(task: Task, _seed: int) -> Predictions:
    """All experts alike: what is drawn at random comes out as its expectation."""
    return Predictions(np.zeros_like(task.test.scores))


def _random_trials(task: Task, seed: int) -> Predictions:
    """The mean of TRIALS draws of an expert for every query."""
    rows, experts = task.test.scores.shape
    draws = np.random.default_rng(seed).integers(experts, size=(TRIALS, rows))
    drawn = np.eye(experts)[draws].mean(axis=0)
    uniform = np.full((rows, experts), 1 / experts)
    return Predictions(np.zeros((rows, experts)), drawn, uniform)


def _best_single(task: Task, _seed: int) -> Predictions:
    """The best expert of the train rows for every query, the last of equals."""
    means = task.train.scores.mean(axis=0)
    best = len(means) - 1 - int(means[::-1].argmax())
    alone = np.eye(len(means))[best]
    return Predictions(np.tile(means, (len(task.test), 1)), np.tile(alone, (len(task.test), 1)))


def _oracle(task: Task, _seed: int) -> Predictions:
    drawn = oracle_choice_probabilities(task.test.scores, 1.0)
    return Predictions(task.test.scores, drawn, drawn)


def _half_oracle(task: Task, _seed: int) -> Predictions:
    drawn = oracle_choice_probabilities(task.test.scores, 0.5)
    return Predictions(np.log(drawn), drawn, drawn)


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


RANDOM_TRIALS = Baseline(
    "Random",
    f"TO-Router (Stripelis et al. 2024), section 4.4: the mean of {TRIALS} trials",
    _random_trials,
)


def research_contenders(
    names: Sequence[str] | None = None, tuning: FineTuning = DEFAULT
) -> list[Contender]:
    """The field's routers by their names in `routers.ROUTERS`; without `names`, all of them.

    Those that take part anyway, as BASELINES, are left out, and unless they are named also
    TO-Router's Random and Zero, whose expectation `random` is. `tuning` is for those that
    fine-tune an encoder. Raises BadData for an unknown name.
    """
    present = {contender.name for contender in BASELINES}
    asked = [name for name in ROUTERS if name not in UNINFORMED] if names is None else names
    wanted = [name for name in asked if name not in present]
    return [_router(name, tuning) for name in wanted]


def _router(name: str, tuning: FineTuning) -> Contender:
    if name == RANDOM_TRIALS.name:
        return RANDOM_TRIALS
    return RouterContender.of(
        partial(make_router, name, tuning),
        probabilities=name in PREDICT_SCORES,
        settings=repr(tuning) if uses(name, tuning) else "",
    )


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
