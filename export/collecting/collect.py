"""Run experts over questions with gold answers and keep the outcome of each (TO-Router, phase 1).

Every answer is one line in a journal beside the result, written as soon as it is there. The result
has one row per question, with the outcomes of all experts that were ever asked.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Protocol

from tqdm import tqdm

from edge_router.learning.enrolment.asking import Retries, record
from edge_router.learning.enrolment.journal import Journal
from edge_router.learning.outcomes.rows import Row

from ..data.rows import BadData, placed_rows, write_rows

__all__ = ["FAILURES_IN_A_ROW", "Asked", "collect", "journal_of", "written"]

ATTEMPTS = 3
FIRST_PAUSE_S = 0.5
FAILURES_IN_A_ROW = 20


class Asked(Protocol):
    """An expert to run, in this process (`AskedExpert`) or on a cluster (`RayExpert`)."""

    @property
    def name(self) -> str: ...

    def outcomes(self, pending: Sequence[Row], retries: Retries) -> Generator[Row, None, None]:
        """The outcome row of each question once, in any order, as it comes."""
        ...


def collect(
    questions: Sequence[Row],
    experts: Iterable[Asked],
    out: Path,
    *,
    retry_failed: bool = False,
    first_pause_s: float = FIRST_PAUSE_S,
) -> list[Row]:
    """Ask every expert every question that `out` does not have yet; returns and writes the rows.

    Rows stand in the order of `questions`, after those of other questions. A killed run resumes
    where it was. A failing expert is asked again after a pause that doubles (or as long as its
    server asks), then the row records `failed`, never a wrong answer. Raises
    ExpertKeepsFailing after 20 failures in a row, BadData where the disk is full.
    """
    journal = journal_of(out)
    lines = [*_rows(out), *journal.rows()]
    with written(journal.path):
        for expert in experts:
            done = _asked(expert.name, lines, again=retry_failed)
            pending = [row for row in questions if _name(row) not in done]
            lines += _recorded(expert, pending, journal, Retries(ATTEMPTS, first_pause_s))
    sides = {_name(row): {"qkey": row["qkey"], "split": row["split"]} for row in questions}
    rows = [row | sides.get(_name(row), {}) for row in _merged(lines)]
    place = {name: number for number, name in enumerate(sides)}
    rows.sort(key=lambda row: place.get(_name(row), -1))
    with written(out):
        write_rows(out, rows)
    journal.path.unlink(missing_ok=True)
    return rows


def _recorded(
    expert: Asked, pending: Sequence[Row], journal: Journal, retries: Retries
) -> Iterator[Row]:
    """What the expert brings, once it is in the journal, with a bar that shows the pace."""
    with closing(expert.outcomes(pending, retries)) as outcomes:
        yield from record(
            tqdm(outcomes, f"collect {expert.name}", total=len(pending), unit="query"),
            expert.name,
            journal,
            most_failures=FAILURES_IN_A_ROW,
            keep_failures=True,
        )


@contextmanager
def written(path: Path) -> Iterator[None]:
    """Raises BadData where the disk is full, or does not take `path` for another reason."""
    try:
        yield
    except OSError as error:
        raise BadData(
            f"{path} cannot be written: {error.strerror or error}; the answers in the journal are "
            "kept, make room and run again"
        ) from error


def journal_of(out: Path) -> Journal:
    """Where answers lie until everything is asked."""
    return Journal(out.with_name(f"{out.name.removesuffix('.gz')}.journal"))


def _name(row: Row) -> tuple[str, str]:
    return row["source"], str(row["id"])


def _asked(expert: str, rows: Iterable[Row], *, again: bool) -> set[tuple[str, str]]:
    """The questions that `expert` has answered; those that it failed too unless `again`."""
    fields = ("score",) if again else ("score", "failed")
    return {_name(row) for row in rows if any(expert in row.get(field, {}) for field in fields)}


def _rows(out: Path) -> Iterator[Row]:
    if out.exists():
        yield from (row for _, row in placed_rows(out, ("source", "id", "score")))


def _merged(lines: Iterable[Row]) -> list[Row]:
    """One row per question; a later line wins over an earlier one for the same expert."""
    rows: dict[tuple[str, str], Row] = {}
    for row in lines:
        kept = rows.setdefault(_name(row), row)
        for field, value in row.items():
            if isinstance(value, Mapping) and kept is not row:
                kept[field] = {**kept.get(field, {}), **value}
    return [_without_mended_failures(row) for row in rows.values()]


def _without_mended_failures(row: Row) -> Row:
    failed = {name: why for name, why in row.pop("failed", {}).items() if name not in row["score"]}
    return row | ({"failed": failed} if failed else {})
