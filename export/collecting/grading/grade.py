"""Grades a file of collected answers again, row by row; a killed run goes on from its journal."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from tqdm import tqdm

from edge_router.learning.enrolment.journal import Journal
from edge_router.learning.outcomes.rows import Row

from ...data.questions import own_question
from ...data.rows import BadData, placed_rows, write_rows
from ..collect import journal_of, written
from ..row_store import Name, row_name
from ..similarity import ENCODER, KEPT_ANSWER_CHARS
from .measures import Values, measured
from .task import Measure, Task, is_cut, task_of

__all__ = [
    "Each",
    "Graded",
    "Grading",
    "add_similarities",
    "grade_answers",
    "grading_journal",
    "placed_questions",
]

Piece = TypeVar("Piece")
Result = TypeVar("Result")
Known = TypeVar("Known")

PIECE_ANSWERS = 32  # a call of Ray takes 2 ms, a code test up to 20 s
SIMILARITY: tuple[Measure] = ("similarity",)
READ_AHEAD = 1000  # rows with nothing to measure before those of a piece go on


class Each(Protocol):
    """`map`, or a `RayMap`."""

    def __call__(
        self, function: Callable[[Piece], Result], pieces: Iterable[Piece], /
    ) -> Iterator[Result]: ...


@dataclass(slots=True)
class Graded:
    """Counts: rows, answers, numbers measured, and of the answers those whose score changed, those
    without a gold answer, and those left as they were since only their beginning was kept."""

    rows: int = 0
    answers: int = 0
    measured: int = 0
    changed: int = 0
    without_gold: int = 0
    cut: int = 0

    def to_json(self) -> dict[str, int]:
        """The counts by their names."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Grading:
    """What to measure; with `missing` only what was never measured. With `short_answers` no more of
    an answer is kept than `export collect` keeps.

    `questions` are gold answers, references and metrics by name, for rows that keep none or others.
    `likelihoods` were measured before, by name and expert.
    """

    measures: Collection[Measure] = ("score", "similarity")
    missing: bool = False
    short_answers: bool = False
    questions: Mapping[Name, Row] = field(default_factory=dict)
    likelihoods: Mapping[Name, Mapping[str, float]] = field(default_factory=dict)


def grade_answers(answers: Path, out: Path, grading: Grading, *, each: Each = map) -> Graded:
    """Measure the answers in the file `answers`, and write its rows to `out`, often the same file.

    Rows keep their order and all else. What a killed run had measured counts while answer, gold,
    reference and measures are the same. Few rows are in memory at a time. Raises BadData, BadRow.
    """
    if (unfinished := journal_of(answers).path).exists():
        raise BadData(
            f"{answers} is still being collected, {unfinished} holds answers for it; finish "
            "`export collect` first"
        )
    journal, graded = grading_journal(out), Graded()
    with written(out), journal.alone():
        rows = _Pass(answers, grading, journal, graded).rows(each)
        write_rows(out, map(_with_short_answers, rows) if grading.short_answers else rows)
        journal.path.unlink(missing_ok=True)
    return graded


def add_similarities(out: Path, questions: Iterable[Row]) -> None:
    """Measure BERTSim of the whole answers that were just collected, then keep their beginnings."""
    known = {row_name(row): row for row in questions}
    grading = Grading(SIMILARITY, missing=True, short_answers=True, questions=known)
    grade_answers(out, out, grading)


def grading_journal(out: Path) -> Journal:
    """Where measurements lie until all are there."""
    return Journal(journal_of(out).path.with_suffix(".grading"))


def placed_questions(
    answers: Path, questions: Mapping[Name, Row]
) -> Iterator[tuple[Row, Row | None]]:
    """Each row of a file, and the question that it answers: of `questions`, else its own; None
    where neither is known. Raises BadRow."""
    for number, (where, row) in enumerate(placed_rows(answers), 1):
        own = None
        if row.get("gold") is not None and "metric" in row and "query" in row:
            own = own_question(answers, number, where, row)
            row |= {field: value for field, value in own.items() if field not in row}
            own |= {field: row[field] for field in ("source", "id", "qkey", "split")}
        known = _of(row, questions)
        if known is not None and own is not None:
            row |= {"gold": known["gold"], "metric": known["metric"]}
        yield row, known or own


class _Pass:
    """One way through the rows: read ahead, measured in pieces, given out in their order."""

    def __init__(self, path: Path, grading: Grading, journal: Journal, graded: Graded) -> None:
        self._path, self._grading = path, grading
        self._journal, self._graded = journal, graded
        self._known = {line["graded"]: line for line in journal.rows() if "graded" in line}
        self._waiting: deque[tuple[Row, Task | None]] = deque()  # with what is measured of it

    def rows(self, each: Each) -> Iterator[Row]:
        """The rows with their measurements, which are in the journal by then."""
        with self._journal.writer() as write, tqdm(desc="grade", unit="row") as bar:
            for piece in each(measured, self._pieces()):
                for values in piece:
                    row, task = self._waiting.popleft()
                    while task is None:
                        yield row
                        row, task = self._waiting.popleft()
                    write(_line(row, task, values))
                    yield self._with(row, values)
                while self._waiting and self._waiting[0][1] is None:
                    yield self._waiting.popleft()[0]
                bar.update(self._graded.rows - bar.n)

    def _pieces(self) -> Iterator[list[Task]]:
        """Read the rows, and give what is to be measured of them in pieces of similar work."""
        piece: list[Task] = []
        for row, question in placed_questions(self._path, self._grading.questions):
            task = self._task(row, question)
            nll = _of(row, self._grading.likelihoods)
            ready = self._with(row, {"nll": dict(nll)}) if nll else row
            if task is not None and (line := self._known.pop(task.identity, None)):
                ready, task = self._with(ready, _values(line)), None
            self._graded.rows += 1
            self._waiting.append((ready, task))
            if task is not None:
                piece.append(task)
            enough = sum(len(one.wanted) for one in piece) >= PIECE_ANSWERS
            if enough or len(self._waiting) % READ_AHEAD == 0:
                yield piece
                piece = []
        yield piece

    def _task(self, row: Row, question: Row | None) -> Task | None:
        grading, graded = self._grading, self._graded
        answers = (row.get("answer") or {}).values()
        graded.answers += len(answers)
        if question is None:
            graded.without_gold += len(answers)
            return None
        graded.cut += sum(map(is_cut, answers))
        return task_of(row, question, grading.measures, missing=grading.missing)

    def _with(self, row: Row, values: Values) -> Row:
        """A row with measurements in place of former ones, counted."""
        made = dict(row)
        for measure, numbers in values.items():
            if not numbers:
                continue
            before = row.get(measure) or {}
            made[measure] = {**before, **numbers}
            self._graded.measured += len(numbers)
            if measure == "score":
                self._graded.changed += sum(
                    name in before and before[name] != number for name, number in numbers.items()
                )
            if measure == "similarity":
                made["similarity_encoder"] = ENCODER
        made.setdefault("score", {})
        return made


def _of(row: Row, known: Mapping[Name, Known]) -> Known | None:
    """What is known of the question of a row, which may name none."""
    return known.get(row_name(row)) if "source" in row and "id" in row else None


def _with_short_answers(row: Row) -> Row:
    if "answer" not in row:
        return row
    return row | {
        "answer": {name: text[:KEPT_ANSWER_CHARS] for name, text in row["answer"].items()}
    }


def _line(row: Row, task: Task, values: Values) -> Row:
    name: Row = {field: row[field] for field in ("source", "id") if field in row}
    return {**name, "score": {}, **values, "graded": task.identity}


def _values(line: Row) -> Values:
    return {measure: line.get(measure) or {} for measure in ("score", "similarity")}
