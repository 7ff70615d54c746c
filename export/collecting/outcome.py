"""The outcome row of one expert on one question: answer, grade, tokens, times, cost, likelihood."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Protocol, runtime_checkable

from edge_router.backends.base import Backend
from edge_router.backends.deadline import Deadline
from edge_router.chat.completion import ChatChunk, ChatCompletion, ChatRequest, TokenConfidence
from edge_router.client.asking.gate import STAGES, first_of_stage
from edge_router.errors import BackendError
from edge_router.learning.enrolment.asking import Retries, outcome_row, question_request
from edge_router.learning.outcomes.rows import Row
from edge_router.routing.experts.expert import Pricing

from ..data.grade import INSTRUCTIONS, MAX_TOKENS, grade

__all__ = ["Measure", "likelihood", "outcome", "reference_answer", "stored"]

DEADLINE_S = 120.0

log = logging.getLogger("edge_router.export")


@runtime_checkable
class _ScoresReferences(Protocol):
    """A backend that tells how likely an answer would have been."""

    def negative_log_likelihood(
        self, request: ChatRequest, reference: str, *, deadline: Deadline
    ) -> float | None:
        """Of `reference` as the answer, in nats a token; None where it is too long."""
        ...


class Measure(Protocol):
    """What an expert is to do with a question: `outcome` or `likelihood`."""

    def __call__(
        self,
        row: Row,
        expert: str,
        backend: Backend,
        *,
        pricing: Pricing | None,
        retries: Retries,
        pause: Callable[[], float],
    ) -> Row: ...


def outcome(
    row: Row,
    expert: str,
    backend: Backend,
    *,
    pricing: Pricing | None,
    retries: Retries,
    pause: Callable[[], float],
) -> Row:
    """What `expert` did with the question `row`; a borrowed question without its text.

    Each try first waits for the seconds that `pause` returns, which count in no latency. Without
    `pricing` no cost is recorded.
    """
    request = _request(row)

    def timed() -> tuple[list[ChatChunk], float, float]:
        time.sleep(pause())
        return _timed(backend, request)

    def ask() -> Row:
        chunks, ttft_s, latency_s = retries.run(timed)
        answer = ChatCompletion.from_chunks(chunks)
        usage = answer.usage
        return {
            "score": grade(row["metric"], answer.text, row["gold"]),
            "answer": answer.text,
            "input_tokens": usage.prompt_tokens if usage else None,
            "output_tokens": usage.completion_tokens if usage else None,
            "ttft_s": round(ttft_s, 3),
            "latency_s": round(latency_s, 3),
            "cost_usd": _cost(pricing, answer),
            "confidence": _confidence(chunks),
            "nll": _likelihood(backend, request, reference_answer(row)),
        }

    return outcome_row(stored(row), expert, ask)


def likelihood(
    row: Row,
    expert: str,
    backend: Backend,
    *,
    pricing: Pricing | None,  # noqa: ARG001 - nothing is answered, so nothing is paid
    retries: Retries,
    pause: Callable[[], float],
) -> Row:
    """The NLL of the reference answer alone; the expert is not asked to answer.

    The row has none where the reference is too long, or where the backend states none. It may lie
    some tenths of a nat from what `outcome` measures right behind an answer: llama.cpp rounds
    tokens read together otherwise than those read alone.
    """
    request, reference = _request(row), reference_answer(row)

    def score() -> float | None:
        time.sleep(pause())
        return _nats(backend, request, reference)

    return outcome_row(stored(row) | {"score": {}}, expert, lambda: {"nll": retries.run(score)})


def stored(question: Row) -> Row:
    """What an outcome row keeps of a question; of a borrowed one not its text."""
    kept = ("source", "id", "qkey", "split", "task", "lang", "metric")
    text = () if question.get("borrowed") else ("query", "gold")
    return {key: question[key] for key in (*kept, *text)}


def reference_answer(question: Row) -> str:
    """The answer to compare with: the row's `reference`, else its first accepted gold answer."""
    return str(question.get("reference") or question["gold"].split("|")[0])


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
    try:
        return _nats(backend, request, reference)
    except BackendError as error:
        log.warning("no likelihood of a reference: %s", error)
        return None


def _nats(backend: Backend, request: ChatRequest, reference: str) -> float | None:
    if not isinstance(backend, _ScoresReferences):
        return None
    deadline = Deadline.after(DEADLINE_S)
    nats = backend.negative_log_likelihood(request, reference, deadline=deadline)
    return None if nats is None else round(nats, 4)
