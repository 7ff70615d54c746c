"""How fast a local expert reads and writes on this machine, measured at several lengths."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, combinations
from statistics import median

import numpy as np

from edge_router.backends.base import Backend, Loadable
from edge_router.backends.deadline import Deadline
from edge_router.chat.completion import CHARACTERS_PER_TOKEN, ChatRequest, Message, Usage
from edge_router.errors import BackendProtocolError

from .latency import Pace, Speed, Timing, Work

__all__ = ["Measurement", "Sample", "ask", "fit_speed", "measure_speed"]

LENGTHS = (16, 64, 256, 512, 1024, 1536)  # tokens to read, about
WRITTEN = 24  # tokens to write each time
ROOM = 64 + WRITTEN  # of the context, for the template and the answer
SLOW_S = 10.0  # longer prompts than one that was read for so long are left out
DEADLINE_S = 300.0
CONTEXT_TOKENS = 2048  # where the settings state none
WORDS = (
    "river stone garden window paper silver morning table candle forest bridge letter winter "
    "summer orange music corner mountain island bottle ladder mirror pocket thunder village"
).split()


@dataclass(frozen=True, slots=True)
class Sample:
    """One answer: its work and its time."""

    work: Work
    timing: Timing


@dataclass(frozen=True, slots=True)
class Measurement:
    """A speed, the answers it was fitted to, and the median relative error of their whole times
    (0.05 is 5 %)."""

    speed: Speed
    samples: tuple[Sample, ...]
    relative_error: float

    @property
    def pace(self) -> Pace:
        """The starting point for real answers: the measured speed, backed by this many answers."""
        seen = float(len(self.samples))
        return Pace(first_seen=seen, rest_seen=seen)


def measure_speed(
    backend: Backend,
    *,
    context_tokens: int | None = None,
    repeats: int = 3,
    progress: Callable[[float], object] = float,
) -> Measurement:
    """Ask for short answers to prompts of growing length, each different from its first word on.

    The first answer includes loading the model if it was not loaded; its file may already be in
    the system's cache. `progress` receives the share that is done, 0..1. Raises BackendError.
    """
    cold = isinstance(backend, Loadable) and not backend.loaded
    first = ask(backend, prompt(1, seed=0), max_tokens=1)
    template = max(0.0, first.work.input_tokens - 1)  # read for the first prompt, cached since
    samples = []
    for share, sample in _samples(backend, template, context_tokens or CONTEXT_TOKENS, repeats):
        samples.append(sample)
        progress(share)
    speed = fit_speed(samples, cold=first if cold else None)
    progress(1.0)
    errors = [
        abs(speed.first_token_s(s.work) + speed.rest_s(s.work) - s.timing.total_s)
        / s.timing.total_s
        for s in samples
    ]
    return Measurement(speed, tuple(samples), median(errors))


def ask(backend: Backend, text: str, *, max_tokens: int, cached_tokens: float = 0.0) -> Sample:
    """One answer, timed. Raises BackendError."""
    request = ChatRequest((Message("user", text),), max_tokens=max_tokens)
    started = time.monotonic()
    first_token_s, usage = None, None
    for chunk in backend.stream(request, deadline=Deadline.after(DEADLINE_S)):
        if first_token_s is None:
            first_token_s = time.monotonic() - started
        usage = chunk.usage or usage
    if first_token_s is None:
        raise BackendProtocolError("the answer was empty; its speed cannot be measured")
    counted = usage or Usage(len(text) // CHARACTERS_PER_TOKEN, max_tokens)
    work = Work(counted.prompt_tokens, counted.completion_tokens, cached_tokens)
    return Sample(work, Timing(first_token_s, time.monotonic() - started))


def prompt(tokens: int, *, seed: int) -> str:
    """A text of about `tokens` tokens that differs from another seed's from its first word on."""
    random = np.random.default_rng(seed)
    return " ".join(WORDS[number] for number in random.integers(0, len(WORDS), tokens))


def _samples(
    backend: Backend, template: float, context_tokens: int, repeats: int
) -> Iterator[tuple[float, Sample]]:
    """Samples, each with the share of the whole run done after it."""
    lengths = [n for n in LENGTHS if n + ROOM <= context_tokens] or LENGTHS[:1]
    total, done = repeats * sum(lengths), 0
    for length in lengths:
        for repeat in range(repeats):
            text = prompt(length, seed=1000 * length + repeat)
            sample = ask(backend, text, max_tokens=WRITTEN, cached_tokens=template)
            done += length
            yield done / total, sample
        if sample.timing.first_token_s > SLOW_S:
            return


def fit_speed(samples: Sequence[Sample], *, cold: Sample | None = None) -> Speed:
    """The speed with the least relative squared error in the time to the first token and after it.

    Coefficients are 0 or more. `cold` is the answer that loaded the model.
    """
    reading = [_read_costs(s.work) for s in samples]
    start, per_token, growth = _fit(reading, [s.timing.first_token_s for s in samples])
    split = [s for s in samples if s.timing.total_s > s.timing.first_token_s] or samples
    writing = [_write_costs(s.work) for s in split]
    rest = [max(1e-6, s.timing.total_s - s.timing.first_token_s) for s in split]
    per_written, written_growth = _fit(writing, rest)
    speed = Speed(
        start_s=start,
        input_tokens_per_s=1 / max(per_token, 1e-9),
        output_tokens_per_s=1 / max(per_written, 1e-9),
        input_growth_s=growth,
        output_growth_s=written_growth,
    )
    if cold is None:
        return speed
    load_s = cold.timing.first_token_s - speed.first_token_s(cold.work)
    return replace(speed, cold_s=max(0.0, load_s))


def _read_costs(work: Work) -> list[float]:
    new = work.new_tokens
    return [1.0, new, new * (work.input_tokens - new / 2)]


def _write_costs(work: Work) -> list[float]:
    written = work.output_tokens
    return [written, written * (work.input_tokens + written / 2)]


def _fit(costs: Sequence[Sequence[float]], seconds: Sequence[float]) -> list[float]:
    """Least squares of relative errors with coefficients of 0 or more.

    There are few columns, so every subset of them is tried.
    """
    matrix = np.asarray(costs) / np.asarray(seconds)[:, None]  # (samples, columns)
    columns = range(matrix.shape[1])
    best, least = np.zeros(matrix.shape[1]), float("inf")
    for chosen in chain.from_iterable(combinations(columns, n + 1) for n in columns):
        part = matrix[:, list(chosen)]
        solution = np.linalg.lstsq(part, np.ones(len(seconds)), rcond=None)[0]
        error = float(np.square(part @ solution - 1).sum())
        if (solution >= 0).all() and error < least:
            best, least = np.zeros(matrix.shape[1]), error
            best[list(chosen)] = solution
    return [float(value) for value in best]
