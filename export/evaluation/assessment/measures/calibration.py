"""Calibration: expected quality beside real outcomes per size, kind and language.

Outcomes are exam scores, graded and judged answers; ratings stand apart, being opinions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_router.learning.outcomes.rows import Row
from edge_router.routing.arrays import Bools, Float64s

from ....data.outcome_set import load_tables
from ....data.rows import NoSuchFile
from ....metrics.agreement import means
from ....metrics.apgr import expected_calibration_error, reliability, with_interval
from ..result import Cell, Line, LinePlot, MeasureTable, Result
from ..setting import Setting
from ..split_rows import RATED_TABLES, knowing
from ..subject import SIZES

__all__ = ["Cells", "calibration", "equal_mass_error"]

JUDGED = ("everyday_judged_135m", "everyday_judged_8models")
SMOLLM2 = "SmolLM2-135M-Instruct-Q4_1"
GRADED_TABLE, GRADED_PREFIX = "tengu_en_6sizes", "class/"
RATED_PREFIX = "rated/"
EQUAL_BINS = 5
FEWEST = 10  # cells of a kind or language; fewer say nothing
FEWEST_OF_EXAMS = 25  # which have many subjects
PLOTTED_BINS = 10


@dataclass(frozen=True, slots=True)
class Cells:
    """Expected and real quality of one size on some queries, all (cells,)."""

    expected: Float64s
    real: Float64s
    kinds: npt.NDArray[np.str_]
    languages: npt.NDArray[np.str_]

    def where(self, keep: Bools) -> Cells:
        return Cells(self.expected[keep], self.real[keep], self.kinds[keep], self.languages[keep])


def calibration(setting: Setting) -> Result:
    """Errors per source and size, then expected beside real quality per kind and language."""
    outcomes = _by_size(setting, list(_outcomes(setting)))
    ratings = _by_size(setting, list(_ratings(setting)))
    judged = _by_size(setting, list(_judged(setting)))
    rows = [_row(setting, "judged answers of SmolLM2-135M", cells) for cells in judged.values()]
    rows += [_row(setting, f"outcomes: {size}", cells) for size, cells in outcomes.items()]
    rows += [_row(setting, f"ratings: {size}", cells) for size, cells in ratings.items()]
    text = (
        "ECE over 15 bins of equal width, and over 5 bins of equally many queries, which is less "
        "noisy on few. Too high is the mean of expected less real quality. Outcomes are of the "
        "models that the recipe names for a size, and answers graded by size; ratings are opinions."
    )
    header = ("source and size", "answers", "ECE, 15 bins", "ECE, 5 equal bins", "too high")
    return Result(
        "calibration",
        "Calibration",
        (text,),
        (
            MeasureTable("Calibration error", header, tuple(rows)),
            _groups("Outcomes by kind", outcomes, "kinds", fewest=FEWEST_OF_EXAMS),
            _groups("Outcomes by language", outcomes, "languages"),
            _groups("Ratings by kind", ratings, "kinds"),
            _groups("Ratings by language", ratings, "languages"),
        ),
        (
            _plot("Reliability on outcomes", outcomes),
            _kind_plot("Ratings by kind of query", ratings),
        ),
    )


def equal_mass_error(expected: Float64s, real: Float64s, bins: int = EQUAL_BINS) -> float:
    """ECE over bins of equally many cells (Nixon et al. 2019, adaptive calibration error)."""
    order = np.argsort(expected, kind="stable")
    parts = np.array_split(order, min(bins, len(order)))
    gaps = [abs(expected[part].mean() - real[part].mean()) * len(part) for part in parts]
    return float(sum(gaps) / len(order))


def _row(setting: Setting, name: str, cells: Cells) -> tuple[Cell, ...]:
    surplus = cells.expected - cells.real
    return (
        name,
        len(cells.real),
        expected_calibration_error(cells.expected, cells.real),
        equal_mass_error(cells.expected, cells.real),
        with_interval(lambda drawn: means(surplus, drawn), setting.counts(len(surplus))),
    )


def _by_size(setting: Setting, real: Sequence[tuple[str, Row, float]]) -> Mapping[str, Cells]:
    """Cells of each size that has any; `real` are sizes, rows and scores."""
    by_size = {size: [(row, score) for of, row, score in real if of == size] for size in SIZES}
    return {size: _cells(setting, size, part) for size, part in by_size.items() if part}


def _cells(setting: Setting, size: str, real: Sequence[tuple[Row, float]]) -> Cells:
    return Cells(
        setting.subject.read([row["query"] for row, _ in real]).quality(size),
        np.array([score for _, score in real], dtype=np.float64),
        np.array([_kind(row) for row, _ in real], dtype=np.str_),
        np.array([row.get("lang", "en") for row, _ in real], dtype=np.str_),
    )


def _kind(row: Row) -> str:
    return str(row["task"]).removeprefix("everyday/")


def _judged(setting: Setting) -> Iterator[tuple[str, Row, float]]:
    for table in JUDGED:
        for row in knowing(setting.rows.measured(table), SMOLLM2):
            yield "135m", row, row["score"][SMOLLM2]


def _outcomes(setting: Setting) -> Iterator[tuple[str, Row, float]]:
    """Size, row and score of each answer by a model that stands for a size."""
    size_of = {model: size for size, models in setting.recipe.profiles.items() for model in models}
    size_of |= {f"{GRADED_PREFIX}{size}": size for size in SIZES}
    tables = load_tables(setting.rows.folder, setting.recipe.own_outcomes)
    for table, rows in tables.items():
        for row in setting.rows.measured_of(table, rows):
            for expert, score in row["score"].items():
                if expert in size_of:
                    yield size_of[expert], row, score


def _ratings(setting: Setting) -> Iterator[tuple[str, Row, float]]:
    for table in RATED_TABLES:
        try:
            rows = setting.rows.measured(table)
        except NoSuchFile:
            continue
        for row in rows:
            for size in SIZES:
                yield size, row, row["score"][f"{RATED_PREFIX}{size}"]


def _groups(
    title: str, by_size: Mapping[str, Cells], field: str, fewest: int = FEWEST
) -> MeasureTable:
    """Expected / real quality of each size in each kind or language."""
    names = {name for cells in by_size.values() for name in getattr(cells, field).tolist()}
    rows = []
    for name in sorted(names):
        parts = {
            size: cells.where(getattr(cells, field) == name) for size, cells in by_size.items()
        }
        most = max(len(part.real) for part in parts.values())
        if most >= fewest:
            rows.append((name, most, *(_beside(part) for part in parts.values())))
    return MeasureTable(f"{title}: expected / real", ("group", "answers", *by_size), tuple(rows))


def _beside(cells: Cells) -> str | None:
    if len(cells.real) < FEWEST:
        return None
    return f"{cells.expected.mean():.2f} / {cells.real.mean():.2f}"


def _plot(title: str, by_size: Mapping[str, Cells]) -> LinePlot:
    lines = []
    for size, cells in by_size.items():
        expected, real, count = reliability(cells.expected, cells.real, PLOTTED_BINS)
        keep = count >= FEWEST
        lines.append(Line(size, tuple(expected[keep].tolist()), tuple(real[keep].tolist())))
    alt = "Mean real quality over expected quality, one line a size; the diagonal is perfect."
    return LinePlot(title, alt, "expected quality", "mean score", tuple(lines), diagonal=True)


def _kind_plot(title: str, by_size: Mapping[str, Cells]) -> LinePlot:
    """One dot a kind, for each size."""
    lines = []
    for size, cells in by_size.items():
        parts = [cells.where(cells.kinds == kind) for kind in sorted(set(cells.kinds.tolist()))]
        kept = [part for part in parts if len(part.real) >= FEWEST]
        x = tuple(float(part.expected.mean()) for part in kept)
        y = tuple(float(part.real.mean()) for part in kept)
        lines.append(Line(size, x, y, marked=True))
    alt = "Mean rated over mean expected quality, one dot a kind of query, one colour a size."
    return LinePlot(title, alt, "expected quality", "mean rating", tuple(lines), diagonal=True)
