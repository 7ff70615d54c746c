"""Run experts over questions with gold answers and keep the outcome of each (TO-Router, phase 1).

Every answer is one line in a journal beside the result, written as soon as it is there. The result
has one row per question, with the outcomes of all experts that were ever asked.
"""

from __future__ import annotations

import logging
import queue
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol, runtime_checkable

from tqdm import tqdm

from edge_router.backends.base import Backend
from edge_router.backends.deadline import Deadline
from edge_router.chat.completion import ChatChunk, ChatCompletion, ChatRequest, TokenConfidence
from edge_router.client.asking.gate import STAGES, first_of_stage
from edge_router.errors import BackendError
from edge_router.learning.enrolment.asking import Retries, outcome_row, question_request, record
from edge_router.learning.enrolment.journal import Journal
from edge_router.learning.outcomes.rows import Row
from edge_router.routing.experts.expert import Pricing

from ..data.grade import INSTRUCTIONS, MAX_TOKENS, grade
from ..data.rows import placed_rows, write_rows

__all__ = ["AskedExpert", "collect", "journal_of", "reference_answer"]

ATTEMPTS = 3
DEADLINE_S = 120.0
FIRST_PAUSE_S = 0.5
FAILURES_IN_A_ROW = 20

log = logging.getLogger("edge_router.export")


@runtime_checkable
class _ScoresReferences(Protocol):
    """A backend that tells how likely an answer would have been."""

    def negative_log_likelihood(
        self, request: ChatRequest, reference: str, *, deadline: Deadline
    ) -> float | None:
        """Of `reference` as the answer, in nats a token; None where it is too long."""
        ...


@dataclass(frozen=True, slots=True)
class AskedExpert:
    """An expert to run. Each of `backends` answers one question at a time; one that is safe to
    share may stand there several times. Without `pricing` no cost is recorded."""

    name: str
    backends: tuple[Backend, ...]
    pricing: Pricing | None = None


def collect(
    questions: Sequence[Row],
    experts: Iterable[AskedExpert],
    out: Path,
    *,
    retry_failed: bool = False,
    first_pause_s: float = FIRST_PAUSE_S,
) -> list[Row]:
    """Ask every expert every question that `out` does not have yet; returns and writes the rows.

    Rows stand in the order of `questions`, after those of other questions. A killed run resumes
    where it was. A failing expert is asked again after a pause that doubles (or as long as its
    server asks), then the row records `failed`, never a wrong answer. Raises
    ExpertKeepsFailing after 20 failures in a row.
    """
    journal = journal_of(out)
    lines = [*_rows(out), *journal.rows()]
    for expert in experts:
        done = _asked(expert.name, lines, again=retry_failed)
        pending = [row for row in questions if _name(row) not in done]
        outcomes = _ask_all(expert, pending, Retries(ATTEMPTS, first_pause_s))
        lines += record(
            outcomes, expert.name, journal, most_failures=FAILURES_IN_A_ROW, keep_failures=True
        )
    sides = {_name(row): {"qkey": row["qkey"], "split": row["split"]} for row in questions}
    rows = [row | sides.get(_name(row), {}) for row in _merged(lines)]
    place = {name: number for number, name in enumerate(sides)}
    rows.sort(key=lambda row: place.get(_name(row), -1))
    write_rows(out, rows)
    journal.path.unlink(missing_ok=True)
    return rows


def journal_of(out: Path) -> Journal:
    """Where answers lie until everything is asked."""
    return Journal(out.with_name(f"{out.name.removesuffix('.gz')}.journal"))


def reference_answer(question: Row) -> str:
    """The answer to compare with: the row's `reference`, else its first accepted gold answer."""
    return str(question.get("reference") or question["gold"].split("|")[0])


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


def _ask_all(expert: AskedExpert, pending: Sequence[Row], retries: Retries) -> Iterator[Row]:
    """Outcomes as they come in, as many questions under way as the expert has backends."""
    free: queue.SimpleQueue[Backend] = queue.SimpleQueue()
    for backend in expert.backends:
        free.put(backend)

    def ask(row: Row) -> Row:
        backend = free.get()
        try:
            return _outcome(row, expert, backend, retries)
        finally:
            free.put(backend)

    bar = tqdm(total=len(pending), desc=f"collect {expert.name}", unit="query")
    with bar, ThreadPoolExecutor(len(expert.backends)) as pool:
        for outcome in _as_completed(pool, ask, pending, 2 * len(expert.backends)):
            bar.update()
            yield outcome


def _as_completed(
    pool: ThreadPoolExecutor, ask: Callable[[Row], Row], pending: Sequence[Row], ahead: int
) -> Iterator[Row]:
    """Like `pool.map` in any order, with no more than `ahead` questions handed out."""
    waiting = iter(pending)
    under_way: set[Future[Row]] = {pool.submit(ask, row) for row in islice(waiting, ahead)}
    while under_way:
        done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
        under_way |= {pool.submit(ask, row) for row in islice(waiting, len(done))}
        for future in done:
            yield future.result()


def _outcome(row: Row, expert: AskedExpert, backend: Backend, retries: Retries) -> Row:
    """What one expert did with one question; a borrowed question without its text."""
    stored = {key: row[key] for key in ("source", "id", "qkey", "split", "task", "lang", "metric")}
    if not row.get("borrowed"):
        stored |= {"query": row["query"], "gold": row["gold"]}
    request = _request(row)

    def ask() -> Row:
        chunks, ttft_s, latency_s = retries.run(lambda: _timed(backend, request))
        answer = ChatCompletion.from_chunks(chunks)
        usage = answer.usage
        return {
            "score": grade(row["metric"], answer.text, row["gold"]),
            "answer": answer.text,
            "input_tokens": usage.prompt_tokens if usage else None,
            "output_tokens": usage.completion_tokens if usage else None,
            "ttft_s": round(ttft_s, 3),
            "latency_s": round(latency_s, 3),
            "cost_usd": _cost(expert.pricing, answer),
            "confidence": _confidence(chunks),
            "nll": _likelihood(backend, request, reference_answer(row)),
        }

    return outcome_row(stored, expert.name, ask)


def _request(row: Row) -> ChatRequest:
    metric = row["metric"]
    return question_request(
        str(row.get("prompt") or row["query"]),
        instruction=row.get("instruction", INSTRUCTIONS[metric]),
        max_tokens=row.get("max_tokens", MAX_TOKENS[metric]),
    )


def _timed(backend: Backend, request: ChatRequest) -> tuple[list[ChatChunk], float, float]:
    """The answer's chunks, seconds to its first token and to its last."""
    start = time.monotonic()
    chunks: list[ChatChunk] = []
    first_s = 0.0
    for chunk in backend.stream(request, deadline=Deadline.after(DEADLINE_S)):
        first_s = first_s or time.monotonic() - start
        chunks.append(chunk)
    return chunks, first_s, time.monotonic() - start


def _confidence(chunks: Sequence[ChatChunk]) -> dict[str, dict[str, float]] | None:
    """After each number of tokens at which a gate may look, and of the "whole" answer; the former
    only where the answer goes on after it."""
    whole = chunks[-1].confidence
    if whole is None:
        return None
    early = {str(stage): first_of_stage(chunks, stage) for stage in STAGES}
    looks = {"whole": whole} | {at: one for at, one in early.items() if one and one != whole}
    return {at: _rounded(one) for at, one in looks.items()}


def _rounded(confidence: TokenConfidence) -> dict[str, float]:
    return {name: round(value, 4) for name, value in asdict(confidence).items()}


def _cost(pricing: Pricing | None, answer: ChatCompletion) -> float | None:
    usage = answer.usage
    if pricing is None or usage is None:
        return None
    return pricing.cost(usage.prompt_tokens, usage.completion_tokens)


def _likelihood(backend: Backend, request: ChatRequest, reference: str) -> float | None:
    if not isinstance(backend, _ScoresReferences):
        return None
    deadline = Deadline.after(DEADLINE_S)
    try:
        nats = backend.negative_log_likelihood(request, reference, deadline=deadline)
    except BackendError as error:
        log.warning("no likelihood of a reference: %s", error)
        return None
    return None if nats is None else round(nats, 4)
