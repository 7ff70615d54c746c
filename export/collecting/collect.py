"""Run experts over questions with gold answers and keep the outcome of each (TO-Router, phase 1).

Every answer is one line in a journal beside the result, written as soon as it is there. The result
has one row per question, with the outcomes of all experts that were ever asked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from itertools import chain
from pathlib import Path
from typing import Protocol

from tqdm import tqdm

from edge_router.errors import EdgeRouterError
from edge_router.learning.enrolment.asking import Retries, record
from edge_router.learning.enrolment.journal import Journal
from edge_router.learning.outcomes.rows import Row

from ..data.rows import BadData, placed_rows, write_rows
from .row_store import Name, row_name, row_store

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
) -> None:
    """Ask every expert every question that `out` does not have yet, and write the rows there.

    Rows stand in the order of `questions`, after those of other questions; they lie on disk, not in
    memory. A killed run resumes where it was. A failing expert is asked again after a pause that
    doubles (or as long as its server asks), then the row records `failed`, never a wrong answer.
    Raises ExpertKeepsFailing after 20 failures in a row, BadData where the disk is full,
    ConfigError where another process collects into `out`.
    """
    journal = journal_of(out)
    places = {row_name(row): place for place, row in enumerate(questions)}
    with row_store(places) as store, written(journal.path), journal.alone():
        asked: defaultdict[str, set[int | None]] = defaultdict(set)
        for row in chain(_rows(out), journal.stream()):
            store.add(row)
            for expert in _asked(row, again=retry_failed):
                asked[expert].add(places.get(row_name(row)))
        for one in experts:
            done = asked[one.name]
            pending = [row for place, row in enumerate(questions) if place not in done]
            for row in _recorded(one, pending, journal, Retries(ATTEMPTS, first_pause_s)):
                store.add(row)
        with written(out):
            write_rows(out, (_in_its_split(row, places, questions) for row in store.joined()))
        journal.path.unlink(missing_ok=True)


def _in_its_split(row: Row, places: Mapping[Name, int], questions: Sequence[Row]) -> Row:
    """With the key and the split that its question has today."""
    place = places.get(row_name(row))
    if place is None:
        return row
    return row | {field: questions[place][field] for field in ("qkey", "split")}


def _asked(row: Row, *, again: bool) -> Iterator[str]:
    """The experts that have answered the question; those that failed it too unless `again`."""
    yield from row["score"]
    if not again:
        yield from row.get("failed", {})


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
    except EdgeRouterError:  # NoSuchFile is an OSError too, of what is read
        raise
    except OSError as error:
        raise BadData(
            f"{path} cannot be written: {error.strerror or error}; the answers in the journal are "
            "kept, make room and run again"
        ) from error


def journal_of(out: Path) -> Journal:
    """Where answers lie until everything is asked. Raises BadData for a folder."""
    if out.is_dir():
        raise BadData(f"{out} is a folder; name a file in it")
    return Journal(out.with_name(f"{out.name.removesuffix('.gz')}.journal"))


def _rows(out: Path) -> Iterator[Row]:
    if out.exists():
        yield from (row for _, row in placed_rows(out, ("source", "id", "score")))
