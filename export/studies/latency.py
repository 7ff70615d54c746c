"""Latency: predicted against real seconds of a local expert on this machine."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

import numpy as np
from tqdm import tqdm

from edge_router.backends.base import Backend
from edge_router.chat.completion import ChatRequest, Message, estimated_tokens
from edge_router.client.sync_client import EdgeRouter
from edge_router.errors import ConfigError
from edge_router.learning.enrolment.everyday_questions import everyday_questions
from edge_router.routing.record import AnswerRecord
from edge_router.settings.config import Config

__all__ = ["Compared", "asked_texts", "latency_study", "summary"]

SHORTEST, LONGEST = 10, 1500  # tokens of a prompt, at 4 characters each
SETTLED = 10  # answers after which the model must have followed


@dataclass(frozen=True, slots=True)
class Compared:
    """Seconds that one answer took, and what had been expected before it was asked.

    `expected_s` is what the router said, without knowing how long the answer would be. `model_s`
    is the latency model alone: the same moment, with the real number of tokens written.
    """

    input_tokens: int
    output_tokens: int
    real_s: float
    expected_s: float
    model_s: float


def asked_texts(count: int, *, longest: int = LONGEST, seed: int = 0) -> list[str]:
    """Texts of SHORTEST to `longest` tokens, evenly spread over the logarithm, in random order:
    everyday questions in a row, each text beginning with another."""
    random = np.random.default_rng(seed)
    questions = [row[2] for row in everyday_questions()]
    tokens = np.geomspace(SHORTEST, longest, count)
    return [_text(questions, int(4 * n), random) for n in random.permutation(tokens).tolist()]


def _text(questions: Sequence[str], characters: int, random: np.random.Generator) -> str:
    text = ""
    while len(text) < characters:
        text += questions[int(random.integers(len(questions)))] + " "
    return text[:characters].strip()


def latency_study(
    config: Config,
    texts: Sequence[str],
    *,
    expert: str,
    max_tokens: int,
    busy: int = 0,
    backends: Mapping[str, Backend] | None = None,
) -> list[Compared]:
    """Ask one local expert each of `texts`; with `busy`, that many other processes compute.

    The load begins only after the first half, which is asked on the machine as it is, so that the
    second half shows how soon the model follows. `backends` as for EdgeRouter. Raises ConfigError,
    BackendError.
    """
    if expert not in config.experts or not config.experts[expert].on_device:
        local = ", ".join(name for name, known in config.experts.items() if known.on_device)
        raise ConfigError(f"no expert {expert!r} on this device; there are {local or 'none'}")
    alone = replace(config, experts={expert: config.experts[expert]}, offline=True)
    quiet = len(texts) // 2 if busy else len(texts)
    with EdgeRouter(alone, backends=backends) as router:
        router.complete(ChatRequest((Message("user", "Hello"),), max_tokens=1))  # loads the model
        answers = [_compared(router, text, max_tokens) for text in tqdm(texts[:quiet], "as it is")]
        with _load(busy):
            answers += [_compared(router, text, max_tokens) for text in tqdm(texts[quiet:], "busy")]
    return answers


def _compared(router: EdgeRouter, text: str, max_tokens: int) -> Compared:
    request = ChatRequest((Message("user", text),), max_tokens=max_tokens)
    (expert,) = router.router.experts
    state = router.experience.snapshot(request, {}).state(expert.name)
    stream = router.stream(request)
    for _ in stream:
        pass
    record = stream.record
    assert isinstance(record, AnswerRecord)
    written = record.usage.completion_tokens if record.usage else 1
    read = expert.read_tokens(estimated_tokens(request.characters))
    return Compared(
        input_tokens=read,
        output_tokens=written,
        real_s=record.total_s - record.router_s,
        expected_s=record.decision.estimates[expert.name].latency_s,
        model_s=state.pace.latency(expert.speed, state.work(read, written)),
    )


@contextmanager
def _load(processes: int) -> Iterator[None]:
    """So many processes that do nothing but compute."""
    context = multiprocessing.get_context("spawn")
    started = [context.Process(target=_compute, daemon=True) for _ in range(processes)]
    for process in started:
        process.start()
    try:
        yield
    finally:
        for process in started:
            process.terminate()
            process.join()


def _compute() -> None:
    while True:
        sum(range(1_000_000))


def summary(answers: Sequence[Compared], *, busy: bool) -> Mapping[str, Any]:
    """Median relative errors: of all answers, or under load of those after the first SETTLED."""
    loaded = answers[len(answers) // 2 :] if busy else answers
    parts = {"all": answers}
    if busy:
        parts = {
            "as it is": answers[: len(answers) // 2],
            f"first {SETTLED} under load": loaded[:SETTLED],
            f"after {SETTLED} under load": loaded[SETTLED:],
        }
    return {
        name: {
            "answers": len(part),
            "model": _error([c.model_s for c in part], part),
            "end to end": _error([c.expected_s for c in part], part),
        }
        for name, part in parts.items()
        if part
    }


def _error(expected: Sequence[float], answers: Sequence[Compared]) -> float:
    errors = [abs(e - c.real_s) / c.real_s for e, c in zip(expected, answers, strict=True)]
    return median(errors)
