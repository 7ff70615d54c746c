"""The likelihood of reference answers under local models, for rows that were collected before."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

from tqdm import tqdm

from edge_router.learning.enrolment.asking import Retries, record
from edge_router.learning.enrolment.journal import Journal
from edge_router.learning.outcomes.rows import Row

from ..collect import ATTEMPTS, FAILURES_IN_A_ROW, FIRST_PAUSE_S, Asked, written
from ..outcome import reference_answer
from ..row_store import Name, row_name
from .grade import grading_journal, placed_questions

__all__ = ["measure_likelihoods"]

ASKED = ("query", "prompt", "instruction", "metric")  # what decides beside the reference


def measure_likelihoods(
    answers: Path,
    out: Path,
    questions: Mapping[Name, Row],
    experts: Iterable[Asked],
    *,
    missing: bool = False,
    first_pause_s: float = FIRST_PAUSE_S,
) -> dict[Name, dict[str, float]]:
    """Nats a token, by name and expert, of the references of all that the expert has answered.

    With `missing` only where the row has none. Each number is in the journal of `out` once it is
    known, and is not measured again for the same question and reference. Raises
    ExpertKeepsFailing after 20 failures in a row, BadData, BadRow.
    """
    journal = grading_journal(out)
    known = {(row_name(line), line["scored"]): line for line in journal.rows() if "scored" in line}
    numbers: defaultdict[Name, dict[str, float]] = defaultdict(dict)
    for expert in experts:
        pending: list[Row] = []
        for row, question in placed_questions(answers, questions):
            if question is None or not _is_wanted(row, expert.name, missing=missing):
                continue
            line = known.get((row_name(row), _identity(expert.name, question)))
            if line is None:
                pending.append(question)
            else:
                numbers[row_name(row)] |= line.get("nll", {})
        with written(journal.path):
            for line in _recorded(expert, pending, journal, Retries(ATTEMPTS, first_pause_s)):
                numbers[row_name(line)] |= line.get("nll", {})
    return dict(numbers)


def _is_wanted(row: Row, expert: str, *, missing: bool) -> bool:
    known = missing and expert in row.get("nll", {})
    return expert in row.get("answer", {}) and not known


def _identity(expert: str, question: Row) -> str:
    seen = [expert, reference_answer(question), *(str(question.get(field)) for field in ASKED)]
    return hashlib.sha256("\0".join(seen).encode(errors="replace")).hexdigest()[:24]


def _recorded(
    expert: Asked, pending: list[Row], journal: Journal, retries: Retries
) -> Iterator[Row]:
    identities = {row_name(question): _identity(expert.name, question) for question in pending}
    with closing(expert.outcomes(pending, retries)) as outcomes:
        kept = ("source", "id", "score", "nll", "failed")
        lines = (
            {field: row[field] for field in kept if field in row}
            | {"scored": identities[row_name(row)]}
            for row in tqdm(outcomes, f"nll {expert.name}", total=len(pending), unit="reference")
        )
        yield from record(lines, expert.name, journal, most_failures=FAILURES_IN_A_ROW)
