"""Counters of a server, as Prometheus' text. No prompt, no key and no address is in them.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from edge_router.routing.record import AnswerRecord

__all__ = ["Metrics"]

ROUTER_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.25)
ANSWER_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
Labels = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class _Counter:
    """Sums by labels."""

    words: str
    values: dict[Labels, float] = field(default_factory=dict)

    def add(self, amount: float, **labels: str) -> None:
        key = tuple(sorted(labels.items()))
        self.values[key] = self.values.get(key, 0.0) + amount


@dataclass(slots=True)
class _Histogram:
    """Counts by upper bounds, in seconds."""

    words: str
    bounds: Sequence[float]
    counts: list[int] = field(init=False)
    total: float = 0.0

    def __post_init__(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)

    def add(self, value: float) -> None:
        place = next((n for n, bound in enumerate(self.bounds) if value <= bound), -1)
        self.counts[place] += 1
        self.total += value


class Metrics:
    """What a server has done so far. Thread-safe. `gauges` are read when the text is asked for."""

    def __init__(self, gauges: Mapping[str, Callable[[], float]] | None = None) -> None:
        self.gauges = dict(gauges or {})
        self._lock = threading.Lock()
        self._requests = _Counter("Requests by endpoint and status.")
        self._answers = _Counter("Answers by the expert that gave them and why.")
        self._failures = _Counter("Experts that were asked and did not answer.")
        self._decisions = _Counter("Decisions by the expert chosen and why, before it was asked.")
        self._excluded = _Counter("Experts ruled out of a decision, by why: limits, privacy.")
        self._cached = _Counter("Answers given again from the cache, by how they were found.")
        self._tokens = _Counter("Tokens by expert, as the expert counts them.")
        self._cost = _Counter("Dollars by expert, where its price is known.")
        self._router = _Histogram("Seconds of deciding who answers.", ROUTER_S)
        self._first = _Histogram("Seconds until the first piece of an answer.", ANSWER_S)
        self._by_expert: dict[str, _Histogram] = {}

    def requested(self, endpoint: str, status: int) -> None:
        """Count one request; `endpoint` is a route of the server, not the client's path."""
        with self._lock:
            self._requests.add(1, endpoint=endpoint, status=str(status))

    def answered(self, record: AnswerRecord) -> None:
        """Count one answer."""
        expert, usage, decision = record.answered_by, record.usage, record.decision
        with self._lock:
            self._decisions.add(1, expert=decision.expert, reason=decision.reason.value)
            for name, reason in decision.excluded.items():
                self._excluded.add(1, expert=name, reason=reason.value)
            self._answers.add(1, expert=expert, reason=record.reason)
            if record.cached is not None:
                self._cached.add(1, kind=record.cached)
            for name in record.failures:
                self._failures.add(1, expert=name)
            if usage is not None:
                self._tokens.add(usage.prompt_tokens, expert=expert, kind="read")
                self._tokens.add(usage.completion_tokens, expert=expert, kind="written")
                if usage.cached_tokens is not None:
                    self._tokens.add(usage.cached_tokens, expert=expert, kind="read_before")
            if record.cost_usd is not None:
                self._cost.add(record.cost_usd, expert=expert)
            self._router.add(record.router_s)
            self._first.add(record.first_token_s)
            whole = "Seconds of a whole answer, by the expert that gave it."
            own = self._by_expert.setdefault(expert, _Histogram(whole, ANSWER_S))
            own.add(record.total_s)

    def text(self) -> str:
        """Everything, in Prometheus' text format."""
        with self._lock:
            return "".join(f"{line}\n" for line in self._lines())

    @property
    def _of_all(self) -> _Histogram:
        """The answers of all experts together."""
        together = _Histogram("Seconds of a whole answer.", ANSWER_S)
        for own in self._by_expert.values():
            together.counts = [a + b for a, b in zip(together.counts, own.counts, strict=True)]
            together.total += own.total
        return together

    def _lines(self) -> Iterator[str]:
        yield from _counter("requests_total", self._requests)
        yield from _counter("decisions_total", self._decisions)
        yield from _counter("excluded_total", self._excluded)
        yield from _counter("answers_total", self._answers)
        yield from _counter("cache_hits_total", self._cached)
        yield from _counter("failures_total", self._failures)
        yield from _counter("tokens_total", self._tokens)
        yield from _counter("cost_usd_total", self._cost)
        yield from _histogram("router_seconds", {"": self._router})
        yield from _histogram("first_token_seconds", {"": self._first})
        yield from _histogram("answer_seconds", {"": self._of_all})
        yield from _histogram("expert_answer_seconds", self._by_expert)
        for name, value in self.gauges.items():
            yield f"# TYPE edge_router_{name} gauge"
            yield f"edge_router_{name} {value():g}"


def _counter(name: str, counter: _Counter) -> Iterator[str]:
    yield f"# HELP edge_router_{name} {counter.words}"
    yield f"# TYPE edge_router_{name} counter"
    for labels, value in counter.values.items():
        listed = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels)
        yield f"edge_router_{name}{{{listed}}} {value!r}"


def _histogram(name: str, by_expert: Mapping[str, _Histogram]) -> Iterator[str]:
    """One for each expert; that of all has no name."""
    for words in {histogram.words for histogram in by_expert.values()}:
        yield f"# HELP edge_router_{name} {words}"
        yield f"# TYPE edge_router_{name} histogram"
    for expert, histogram in by_expert.items():
        label = f'expert="{_escaped(expert)}"' if expert else ""
        so_far = 0
        for bound, count in zip((*histogram.bounds, "+Inf"), histogram.counts, strict=True):
            so_far += count
            yield f'edge_router_{name}_bucket{{{label}{label and ","}le="{bound}"}} {so_far}'
        shown = f"{{{label}}}" if label else ""
        yield f"edge_router_{name}_sum{shown} {histogram.total!r}"
        yield f"edge_router_{name}_count{shown} {so_far}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
