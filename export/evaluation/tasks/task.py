"""One routing problem: a table's train and test queries, and the experts to choose from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from edge_router.routing.arrays import Float64s

from ...data.rows import BadData
from ...routers.base import Pool
from .measurements import Measurements
from .pools import PoolKind

__all__ = ["Kind", "Task"]

Kind = PoolKind | Literal["pair"]


@dataclass(frozen=True, slots=True)
class Task:
    """A pair or a pool of experts on one table's rows that know all of them.

    Experts from the weakest to the strongest. `langs` (test queries,). `reference` is the table's
    best expert by its train rows, `reference_scores` (test queries,) its scores, NaN where not
    known. Raises BadData where there is nothing to learn from, to test on or to choose between.
    """

    name: str
    table: str
    kind: Kind
    train: Pool
    dev: Pool
    test: Pool
    langs: npt.NDArray[np.str_]
    reference: str
    reference_scores: Float64s
    measured: Measurements | None = None

    def __post_init__(self) -> None:
        _refuse_faults(self)

    @property
    def experts(self) -> tuple[str, ...]:
        return self.test.experts

    @property
    def characters(self) -> npt.NDArray[np.int64]:
        """(test queries,) lengths before any cut."""
        return self.test.queries.characters

    def costs(self) -> Float64s | None:
        """Dollars (test queries, experts), None where no expert's are known.

        Raises BadData that names an expert without a price beside others that have one.
        """
        if self.measured is None:
            return None
        return self.measured.costs(self.experts, f"the task {self.name!r}")

    def fingerprint(self) -> str:
        """A hash of all that a contender may look at, and of the outcomes it is judged by."""
        digest = hashlib.sha256("\0".join(self.experts).encode())
        for pool in (self.train, self.dev, self.test):
            digest.update("\0".join(pool.queries.texts).encode())
            digest.update("\0".join(pool.queries.kinds.tolist()).encode())
            for part in (pool.queries.characters, pool.queries.embeddings, pool.scores):
                digest.update(np.ascontiguousarray(part).tobytes())
        return digest.hexdigest()[:16]


def _refuse_faults(task: Task) -> None:
    where = f"table {task.table!r}"
    if len(task.experts) < 2:
        raise BadData(f"{where} has one expert to choose from; a router needs two or more")
    for split, pool in (("train", task.train), ("test", task.test)):
        if not len(pool):
            raise BadData(
                f"{where} has no {split} rows on which all of {', '.join(task.experts)} are "
                "known; choose experts that share rows, or other splits"
            )
    for pool in (task.train, task.dev, task.test):
        if not ((pool.scores >= 0) & (pool.scores <= 1)).all():
            raise BadData(f"{where} has scores outside 0..1; rescale them to 0..1")
