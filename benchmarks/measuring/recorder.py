"""Recorder: makes rows from samples and the machine's conditions before and after them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from ..rows.conditions import Conditions, faults
from ..rows.context import Context
from ..rows.row import Cell, Row
from ..rows.spread import Summary

__all__ = ["Recorder"]

SPREAD_COUNTS = frozenset({"s", "1/s"})


@dataclass(frozen=True, slots=True)
class Recorder:
    """Started before the first sample; returns the rows after the last."""

    context: Context
    before: Conditions

    @classmethod
    def start(cls, artifact: tuple[str, str] | None = None) -> Self:
        """`artifact` is (name, hash) of the router that is measured."""
        return cls(Context.now(artifact), Conditions.now())

    def rows(
        self, samples: Mapping[Cell, Sequence[float]], *, warm_up: int, judged: bool = True
    ) -> list[Row]:
        """One row per cell. Without `judged` spread is no fault: samples are not repetitions."""
        after = Conditions.now()
        return [
            Row(
                cell,
                tuple(values),
                warm_up,
                self.context,
                self.before,
                after,
                self._faults(cell, values, after, judged=judged),
            )
            for cell, values in samples.items()
        ]

    def _faults(
        self, cell: Cell, values: Sequence[float], after: Conditions, *, judged: bool
    ) -> tuple[str, ...]:
        if cell.exact:
            return ()
        spread = Summary.of(values) if judged and cell.unit in SPREAD_COUNTS and values else None
        return faults(self.before, after, spread)

    def failure(self, cell: Cell, error: BaseException) -> Row:
        """The row of a cell that could not be measured; the others go on."""
        message = f"{type(error).__name__}: {error}"
        return Row(cell, (), 0, self.context, self.before, Conditions.now(), error=message)
