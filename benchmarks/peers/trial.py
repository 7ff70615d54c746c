"""All contenders of one run, measured one property after the other."""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle, islice
from typing import Any

from edge_router.routing.artifact.manifest import RouterArtifact

from ..measuring.processes import ProbeFailed, first_line
from ..measuring.recorder import Recorder
from ..measuring.stages import named
from ..measuring.texts import queries_of, wide_tokenizer
from ..measuring.timing import interleaved
from ..rows.row import Cell, Row, Setting
from .contender import CONTENDERS
from .environment import Environment
from .process import PeerProcess, command
from .quality import Task, apgr_of, load_task

__all__ = ["Deciding", "Trial"]

LENGTH = "prompt length"
DIFFERENT_TEXTS = 16
SETTLE_S = 0.1
ALONE, IN_A_ROW = "decide", "decide in a row"


@dataclass(slots=True)
class _Start:
    """A sampler of cold starts: whole processes, and the import time that each reports."""

    command: list[str]
    imports: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        seconds, line = first_line(self.command)
        self.imports.append(float(json.loads(line)["import_s"]))
        return seconds


@dataclass(slots=True)
class Deciding:
    """A sampler of decisions timed inside the peer's process, `row` of them one after the other.

    It waits before a row: threads of other contenders go on spinning for a while after their call.
    The first decisions of a row, which find the caches as others left them, are `cold` and left
    out.
    """

    peer: PeerProcess
    texts: Iterator[str]
    row: int = 1
    cold: int = 0
    known: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        if not self.known:
            time.sleep(SETTLE_S)
            texts = list(islice(self.texts, self.cold + self.row))
            self.known = self.peer.ask("decide", texts=texts)[self.cold :]
        return float(self.known.pop())


@dataclass(frozen=True, slots=True)
class Trial:
    """The contenders' environments by name; `settings` go into every timed cell."""

    environments: Mapping[str, Environment]
    artifact: RouterArtifact
    options: argparse.Namespace
    settings: Mapping[str, Setting]

    def sizes(self) -> list[Row]:
        """Bytes of the packages that each contender needs."""
        recorder = self._recorder()
        samples = {
            Cell("peers", "installed", "B", contender=name, exact=True): [
                float(environment.installed_bytes(CONTENDERS[name].unused))
            ]
            for name, environment in self.environments.items()
        }
        return recorder.rows(samples, warm_up=0)

    def starts(self) -> Iterator[Row]:
        """Time from process start to first decision, and its imports; contenders take turns."""
        working: dict[Cell, _Start] = {}
        for name, environment in self.environments.items():
            recorder = self._recorder()
            start = _Start(command(CONTENDERS[name], environment, "once"))
            try:
                start()  # the warm-up, which also shows whether it works
            except (ProbeFailed, ValueError) as error:
                yield recorder.failure(self._cell("first decision", name), error)
                continue
            working[self._cell("first decision", name)] = start
        if not working:
            return
        recorder = self._recorder()
        repetitions = min(self.options.repetitions, self.options.most_repetitions)
        measured = interleaved(working, repetitions=repetitions, warm_up=0)
        imports = {self._cell("import", c.contender): s.imports[1:] for c, s in working.items()}
        yield from recorder.rows({**measured, **imports}, warm_up=1)

    def running(self) -> Iterator[Row]:
        """Measurements that need a running process: deciding, memory, scores."""
        with ExitStack() as stack:
            peers: dict[str, PeerProcess] = {}
            for name, environment in self.environments.items():
                recorder = self._recorder()
                try:
                    peers[name] = stack.enter_context(PeerProcess(CONTENDERS[name], environment))
                except ProbeFailed as error:
                    yield recorder.failure(self._cell("decide", name), error)
            yield from self._decisions(peers)
            yield from self._memory(peers)
            for table in self.options.tables if self.options.data is not None else ():
                yield from self._quality(peers, table)

    def _decisions(self, peers: Mapping[str, PeerProcess]) -> Iterator[Row]:
        counting = wide_tokenizer(self.artifact)
        for tokens in self.options.tokens if peers else ():
            texts = queries_of(tokens, DIFFERENT_TEXTS, counting)
            for measure, row, cold in ((ALONE, 1, 0), (IN_A_ROW, 20, 5)):
                samplers = {
                    self._cell(measure, name, tokens=tokens): Deciding(
                        peer, cycle(texts), row, cold
                    )
                    for name, peer in peers.items()
                }
                recorder, warm_up = self._recorder(), self.options.warm_up
                measured = interleaved(
                    samplers, repetitions=self.options.repetitions, warm_up=warm_up
                )
                yield from recorder.rows(measured, warm_up=warm_up)

    def _memory(self, peers: Mapping[str, PeerProcess]) -> list[Row]:
        recorder = self._recorder()
        measured = {name: peer.ask("memory") for name, peer in peers.items()}
        samples = {
            Cell("peers", "resident", "B", self.settings, name): [float(value)]
            for name, value in measured.items()
            if value is not None
        }
        return recorder.rows(samples, warm_up=0)

    def _quality(self, peers: Mapping[str, PeerProcess], table: str) -> Iterator[Row]:
        """APGR of each contender with scores, and of the prompt's length alone."""
        options = self.options
        task = load_task(
            options.data, table, train_rows=options.train_rows, test_rows=options.test_rows
        )
        texts = [query for query, _, _ in task.test]
        scorers: dict[str, Callable[[], Any]] = {LENGTH: lambda: [len(text) for text in texts]}
        inputs = {"texts": texts, "examples": task.train, "weak": task.weak, "strong": task.strong}
        for name, peer in peers.items():
            scorers[name] = partial(peer.ask, "score", **inputs)
        for name, scorer in scorers.items():
            recorder = self._recorder()
            try:
                gains = scorer()
            except ProbeFailed as error:
                yield recorder.failure(_apgr_cell(task, name), error)
                continue
            yield from recorder.rows(_apgr(task, gains, name), warm_up=0)

    def _recorder(self) -> Recorder:
        return Recorder.start(named(self.artifact))

    def _cell(self, measure: str, name: str, **settings: Setting) -> Cell:
        return Cell("peers", measure, settings={**self.settings, **settings}, contender=name)


def _apgr_cell(task: Task, name: str, end: str = "") -> Cell:
    settings: dict[str, Setting] = {
        "weak": task.weak,
        "strong": task.strong,
        "test_rows": len(task.test),
        "train_rows": len(task.train),
    }
    return Cell("peers", f"APGR {task.table}{end}", "apgr", settings, name, "more", exact=True)


def _apgr(task: Task, gains: Sequence[float | None], name: str) -> dict[Cell, list[float]]:
    """The value and the ends of its 95 % interval; nothing for a peer without scores.

    Nor for rows on which the strong expert is not better: there is no gap to recover.
    """
    known = [gain for gain in gains if gain is not None]
    if len(known) < len(gains):
        return {}
    ends = dict(zip(("", ", 2.5 %", ", 97.5 %"), apgr_of(task, known), strict=True))
    return {
        _apgr_cell(task, name, end): [value] for end, value in ends.items() if math.isfinite(value)
    }
