"""The contenders of an evaluation: each gives a utility for every expert and test query."""

from __future__ import annotations

import hashlib
import inspect
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol, Self

import numpy as np

from edge_router.routing.arrays import Float64s

from ..data.npz_cache import kept, write_arrays
from ..data.rows import BadData
from ..routers.base import ResearchRouter
from .tasks.task import Task

__all__ = [
    "Contender",
    "Predictions",
    "RouterContender",
    "Side",
    "at_hand",
    "entropy_bits",
    "keep",
    "pick",
    "predictions",
    "softmax",
]


class Side(StrEnum):
    """What kind of contender: a bound looks at the outcomes and is never ranked."""

    BASELINE = "baseline"
    BOUND = "bound"
    ROUTER = "router"
    ARTIFACT = "artifact"


@dataclass(frozen=True, slots=True)
class Predictions:
    """`utilities` (test queries, experts), finite, larger is better.

    `drawn` (test queries, experts) is the distribution by which a contender picks that does not
    simply take the largest utility; `stated` is the distribution that it states itself, of a
    classifier the softmax of its utilities.
    """

    utilities: Float64s
    drawn: Float64s | None = None
    stated: Float64s | None = None

    @property
    def shares(self) -> Float64s:
        """(test queries, experts) share of each query that each expert answers."""
        return pick(self.utilities) if self.drawn is None else self.drawn


class Contender(Protocol):
    """`key` is equal for equal contenders and names what is kept of them between runs.

    `probabilities`: utilities are chances of a good answer, so that calibration has a meaning.
    `classifies`: the softmax of the utilities is its own distribution over the experts.
    `ranks`: utilities order queries for a pair, so that there is an APGR. `source` says where it
    comes from: a paper and section, an artifact's hash.
    """

    @property
    def name(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def side(self) -> Side: ...
    @property
    def source(self) -> str: ...
    @property
    def probabilities(self) -> bool: ...
    @property
    def classifies(self) -> bool: ...
    @property
    def ranks(self) -> bool: ...

    def predict(self, task: Task, *, work: Path, seed: int) -> Predictions:
        """Learn from the task's train rows and say what it would do on its test queries."""
        ...


def predictions(contender: Contender, task: Task, *, work: Path, seed: int) -> Predictions:
    """What a contender would do on a task, kept in `work` unless it costs nothing to repeat.

    Raises BadData where the utilities have the wrong shape or are not finite.
    """
    if _is_cheap(contender):
        return contender.predict(task, work=work, seed=seed)
    arrays = kept(
        _file(contender, task, work, seed),
        lambda: {"utilities": _checked(contender, task, work, seed)},
    )
    utilities = arrays["utilities"]
    return Predictions(utilities, stated=softmax(utilities) if contender.classifies else None)


def at_hand(contender: Contender, task: Task, *, work: Path, seed: int) -> bool:
    """Whether `predictions` has little to do: they are kept in `work`, or cost nothing."""
    return _is_cheap(contender) or _file(contender, task, work, seed).exists()


def keep(
    made: Predictions, contender: Contender, task: Task, *, work: Path, seed: int
) -> Predictions:
    """Keep in `work` what was made elsewhere, as `predictions` keeps its own; returns it."""
    if not at_hand(contender, task, work=work, seed=seed):
        write_arrays(_file(contender, task, work, seed), {"utilities": made.utilities})
    return made


def _is_cheap(contender: Contender) -> bool:
    return contender.side in (Side.BASELINE, Side.BOUND)


def _file(contender: Contender, task: Task, work: Path, seed: int) -> Path:
    name = f"{_file_name(contender.name)}-{contender.key}-{task.fingerprint()}-{seed}.npz"
    return work / "predictions" / name


def _checked(contender: Contender, task: Task, work: Path, seed: int) -> Float64s:
    utilities = contender.predict(task, work=work, seed=seed).utilities.astype(np.float64)
    where = f"{contender.name!r} on the task {task.name!r}"
    if utilities.shape != task.test.scores.shape:
        raise BadData(
            f"{where} gave utilities of shape {utilities.shape}, not {task.test.scores.shape}"
        )
    if not np.isfinite(utilities).all():
        raise BadData(f"{where} gave utilities that are not finite")
    return utilities


def _file_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "_", name)


@dataclass(frozen=True, slots=True)
class RouterContender:
    """A research router, fitted afresh on each task; see `of`."""

    make: Callable[[], ResearchRouter]
    name: str
    source: str
    key: str
    probabilities: bool = False
    classifies: bool = False
    side: Side = Side.ROUTER
    ranks: bool = True

    @classmethod
    def of(
        cls,
        make: Callable[[], ResearchRouter],
        *,
        probabilities: bool = False,
        settings: str = "",
    ) -> Self:
        """`make` gives a new router each time.

        `probabilities` is true for one whose utilities are predicted scores in 0..1. What is kept
        of a router is made again when the source of its module or the text of its `settings`
        changes, and only then.
        """
        router = make()
        kind = type(router)
        code = f"{kind.__qualname__}\n{inspect.getsource(sys.modules[kind.__module__])}{settings}"
        key = hashlib.sha256(code.encode()).hexdigest()[:16]
        return cls(make, router.name, router.source, key, probabilities, router.classifies)

    def predict(self, task: Task, *, work: Path, seed: int) -> Predictions:  # noqa: ARG002 - keeps no files
        router = self.make()
        router.fit(task.train, seed=seed)
        return Predictions(router.utilities(task.test.queries))


def pick(utilities: Float64s) -> Float64s:
    """The share (queries, experts) of calls each expert gets: the best takes all.

    Experts of equal utility share the query, as if one were drawn among them.
    """
    best = utilities == utilities.max(axis=1, keepdims=True)
    shares: Float64s = best / best.sum(axis=1, keepdims=True)
    return shares


def softmax(utilities: Float64s) -> Float64s:
    """Distributions (queries, experts) over experts."""
    weights = np.exp(utilities - utilities.max(axis=1, keepdims=True))
    shares: Float64s = weights / weights.sum(axis=1, keepdims=True)
    return shares


def entropy_bits(shares: Float64s) -> Float64s:
    """(queries,) entropy, base 2, of distributions (queries, experts)."""
    logs = np.log2(shares, out=np.zeros_like(shares), where=shares > 0)
    bits: Float64s = -(shares * logs).sum(axis=1)
    return np.maximum(bits, 0.0)
