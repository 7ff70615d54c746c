"""The one schema of a result: what was measured, with its whole context and its raw samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

from .conditions import Conditions
from .context import Context
from .spread import Summary

__all__ = ["SCHEMA_VERSION", "Cell", "Row", "Setting"]

SCHEMA_VERSION = 1

Setting = str | int | float | bool | None
Unit = Literal["s", "cpu_s", "B", "1/s", "instructions", "queries", "log-odds", "apgr"]
Better = Literal["less", "more"]


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of the grid: suite, measure, contender and settings.

    `exact` says that the value is counted, not timed: another run gives the same number whatever
    else the machine does, so one sample is enough and neither load nor spread is a fault.
    """

    suite: str
    measure: str
    unit: Unit = "s"
    settings: Mapping[str, Setting] = field(default_factory=dict)
    contender: str = "edge-router"
    better: Better = "less"
    exact: bool = False

    @property
    def key(self) -> tuple[Any, ...]:
        """The key by which rows of two runs are matched."""
        return (self.suite, self.measure, self.contender, tuple(sorted(self.settings.items())))

    def __hash__(self) -> int:
        return hash(self.key)


@dataclass(frozen=True, slots=True)
class Row:
    """A cell with its samples, in its unit, and all that may explain them.

    `warm_up` samples came first and were left out. `faults` say why the row must not be believed;
    `error` why there are no samples at all.
    """

    cell: Cell
    samples: tuple[float, ...]
    warm_up: int
    context: Context
    before: Conditions
    after: Conditions
    faults: tuple[str, ...] = ()
    error: str | None = None

    @property
    def valid(self) -> bool:
        return not self.faults and self.error is None

    @property
    def summary(self) -> Summary | None:
        """Percentiles of the samples; None without samples."""
        return Summary.of(self.samples) if self.samples else None

    def to_json(self) -> dict[str, Any]:
        """The row as `row.schema.json` describes it."""
        return {
            "schema_version": SCHEMA_VERSION,
            **asdict(self.cell),
            "samples": list(self.samples),
            "warm_up": self.warm_up,
            "summary": asdict(self.summary) if self.summary else None,
            "valid": self.valid,
            "faults": list(self.faults),
            "error": self.error,
            "context": asdict(self.context) | {"flags": list(self.context.flags)},
            "before": asdict(self.before),
            "after": asdict(self.after),
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`; `content` is taken to match the schema."""
        cell = {name: content[name] for name in Cell.__dataclass_fields__}
        context = {**content["context"], "flags": tuple(content["context"]["flags"])}
        return cls(
            cell=Cell(**cell),
            samples=tuple(content["samples"]),
            warm_up=content["warm_up"],
            context=Context(**context),
            before=Conditions(**content["before"]),
            after=Conditions(**content["after"]),
            faults=tuple(content["faults"]),
            error=content["error"],
        )


def count_invalid(rows: Sequence[Row]) -> tuple[int, int]:
    """The number of failed rows, and of other invalid ones."""
    failed = sum(row.error is not None for row in rows)
    return failed, sum(not row.valid for row in rows) - failed
