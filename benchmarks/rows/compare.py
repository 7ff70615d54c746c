"""Compares two runs cell by cell, with a verdict that accounts for noise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from .row import Cell, Row

__all__ = ["Comparison", "Verdict", "compare", "machines_differ", "ratio_interval"]

RESAMPLES = 2000
LEAST_SAMPLES = 5


class Verdict(StrEnum):
    """The verdict on a cell measured by two runs."""

    SAME = "same"
    BETTER = "faster"
    WORSE = "slower"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One cell of both runs.

    `ratio` is new over old, by medians, with its 95 % interval; above 1 is worse whatever the
    unit, since where more is better it is turned round. `why` explains a verdict that could not
    be reached.
    """

    cell: Cell
    old: float
    new: float
    ratio: float
    low: float
    high: float
    verdict: Verdict
    why: str = ""


def compare(
    old: Sequence[Row], new: Sequence[Row], *, tolerance: float = 0.03, seed: int = 0
) -> list[Comparison]:
    """Compare every cell in both runs, in the order of `new`.

    Worse (better) when the whole 95 % interval lies beyond `tolerance`, the same when all of it
    lies within. Else, with invalid rows, or with fewer than five samples of something that is
    timed, it cannot tell. Of a cell measured twice in one run the last row counts.
    """
    before = {row.cell.key: row for row in old}
    after = {row.cell.key: row for row in new}
    pairs = ((before[key], row) for key, row in after.items() if key in before)
    return [_compared(first, last, tolerance, seed) for first, last in pairs]


def _compared(old: Row, new: Row, tolerance: float, seed: int) -> Comparison:
    same = new.cell.exact and set(old.samples) == set(new.samples) != set()
    why = "" if same else next(_obstacles(old, new), "")
    if not (old.samples and new.samples):
        nan = float("nan")
        return Comparison(new.cell, nan, nan, nan, nan, nan, Verdict.CANNOT_TELL, why)
    ratio, low, high = ratio_interval(old.samples, new.samples, seed=seed)
    if new.cell.better == "more":
        ratio, low, high = 1 / ratio, 1 / high, 1 / low
    verdict = Verdict.CANNOT_TELL if why else _verdict(low, high, tolerance)
    verdict = Verdict.SAME if same else verdict
    medians = (float(np.median(old.samples)), float(np.median(new.samples)))
    return Comparison(new.cell, *medians, ratio, low, high, verdict, why)


def _obstacles(old: Row, new: Row) -> Iterator[str]:
    for name, row in (("old", old), ("new", new)):
        if row.error is not None:
            yield f"the {name} row failed: {row.error}"
        elif row.faults:
            yield f"the {name} row is invalid: {'; '.join(row.faults)}"
        elif len(row.samples) < LEAST_SAMPLES and not row.cell.exact:
            yield f"the {name} row has {len(row.samples)} samples, {LEAST_SAMPLES} are needed"
        elif min(row.samples) <= 0:
            yield f"the {name} row has samples of 0 or less; a ratio says nothing"


def _verdict(low: float, high: float, tolerance: float) -> Verdict:
    if low > 1 + tolerance:
        return Verdict.WORSE
    if high < 1 / (1 + tolerance):
        return Verdict.BETTER
    if 1 / (1 + tolerance) <= low and high <= 1 + tolerance:
        return Verdict.SAME
    return Verdict.CANNOT_TELL


def ratio_interval(
    old: Sequence[float], new: Sequence[float], *, seed: int = 0
) -> tuple[float, float, float]:
    """Median of `new` over median of `old`, with the 95 % percentile interval of a bootstrap.

    Both sides are resampled 2,000 times. The interval covers the scatter within runs, not changes
    of the machine between runs, which is why `compare` needs a tolerance.
    """
    random = np.random.default_rng(seed)
    medians = [
        np.median(random.choice(np.asarray(side, float), (RESAMPLES, len(side))), axis=1)
        for side in (old, new)
    ]
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = np.percentile(medians[1] / medians[0], [2.5, 97.5]).tolist()
        ratio = float(np.median(new) / np.median(old))
    return ratio, low, high


def machines_differ(old: Sequence[Row], new: Sequence[Row]) -> str | None:
    """A sentence if the runs come from different CPUs, else None."""
    first, last = ({row.context.cpu for row in rows} for rows in (old, new))
    if first == last:
        return None
    return f"the machines differ: {', '.join(sorted(first))} and {', '.join(sorted(last))}"
