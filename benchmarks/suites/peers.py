"""Other routers beside ours: starting, deciding, memory, size and APGR."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

from edge_router.artifact import RouterArtifact
from edge_router.errors import ConfigError

from ..fresh import ProbeFailed, seconds_to_first_line
from ..grid import names, numbers
from ..peers.contender import CONTENDERS
from ..peers.environment import Environment, default_cache, prepare
from ..peers.process import PeerProcess, command, network_is_off
from ..peers.quality import PAIRS, Task, apgr_of, load_task
from ..row import Cell, Row, Setting
from ..stages import named
from ..texts import queries_of, wide_tokenizer
from ..timing import interleaved
from ..watch import Watch

__all__ = ["PeersSuite"]

LENGTH = "prompt length"
Environments = Mapping[str, Environment]


class PeersSuite:
    """Every contender in an environment and a process of its own, the network off where possible.

    Deciding is timed inside the processes, a round of one decision each. APGR needs the outcome
    tables (`--data`); a contender that learns does so from the first `--train-rows` train rows.
    """

    name = "peers"
    told = "other routers beside ours, each in a fresh process without network"

    def options(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--contenders", type=names, default=tuple(CONTENDERS), help="names")
        parser.add_argument("--tokens", type=numbers, default=(32,), help="8,32,128")
        parser.add_argument("--cache", type=Path, default=default_cache(), help="environments")
        parser.add_argument("--data", type=Path, help="folder with outcomes/, for APGR")
        parser.add_argument("--tables", type=names, default=tuple(PAIRS), help="for APGR")
        parser.add_argument("--train-rows", type=int, help="that learners see (default: all)")
        parser.add_argument("--test-rows", type=int, help="that are scored (default: all)")
        parser.set_defaults(most_repetitions=10)

    def run(self, options: argparse.Namespace) -> Iterator[Row]:
        if unknown := set(options.contenders) - CONTENDERS.keys():
            raise ConfigError(
                f"unknown contenders {', '.join(sorted(unknown))}; use {', '.join(CONTENDERS)}"
            )
        artifact = RouterArtifact.load(options.artifact)
        settings: dict[str, Setting] = {"network": not network_is_off()}
        environments: dict[str, Environment] = {}
        for name in options.contenders:
            watch = Watch.start(named(artifact))
            try:
                environments[name] = prepare(CONTENDERS[name], options.cache)
            except (ProbeFailed, OSError) as error:
                yield watch.failure(Cell("peers", "installed", "B", contender=name), error)
        yield from _sizes(environments, artifact)
        yield from _starts(environments, artifact, options, settings)
        yield from _running(environments, artifact, options, settings)


def _sizes(environments: Environments, artifact: RouterArtifact) -> list[Row]:
    watch = Watch.start(named(artifact))
    samples = {
        Cell("peers", "installed", "B", contender=name, exact=True): [
            float(environment.installed_bytes(CONTENDERS[name].unused))
        ]
        for name, environment in environments.items()
    }
    return watch.rows(samples, warm_up=0)


def _starts(
    environments: Environments,
    artifact: RouterArtifact,
    options: argparse.Namespace,
    settings: Mapping[str, Setting],
) -> Iterator[Row]:
    """Process start to first decision, all contenders by turns."""
    watch = Watch.start(named(artifact))
    working: dict[Cell, Callable[[], float]] = {}
    for name, environment in environments.items():
        cell = Cell("peers", "first decision", settings=settings, contender=name)
        line = command(CONTENDERS[name], environment, "once")
        sampler = partial(seconds_to_first_line, line)
        try:
            sampler()
        except ProbeFailed as error:
            yield watch.failure(cell, error)
            continue
        working[cell] = sampler
    watch = Watch.start(named(artifact))
    repetitions = min(options.repetitions, options.most_repetitions)
    found = interleaved(working, repetitions=repetitions, warm_up=0) if working else {}
    yield from watch.rows(found, warm_up=1)


def _running(
    environments: Environments,
    artifact: RouterArtifact,
    options: argparse.Namespace,
    settings: Mapping[str, Setting],
) -> Iterator[Row]:
    """What needs a process that stays: deciding, memory, scores."""
    with ExitStack() as stack:
        watch = Watch.start(named(artifact))
        peers: dict[str, PeerProcess] = {}
        for name, environment in environments.items():
            try:
                peers[name] = stack.enter_context(PeerProcess(CONTENDERS[name], environment))
            except ProbeFailed as error:
                yield watch.failure(Cell("peers", "import", contender=name), error)
        imports = {
            Cell("peers", "import", settings=settings, contender=name): [peer.import_s]
            for name, peer in peers.items()
        }
        yield from watch.rows(imports, warm_up=0, judged=False)
        yield from _decisions(peers, artifact, options, settings)
        yield from _memory(peers, artifact, settings)
        if options.data is not None:
            for table in options.tables:
                yield from _quality(peers, artifact, table, options)


def _decisions(
    peers: Mapping[str, PeerProcess],
    artifact: RouterArtifact,
    options: argparse.Namespace,
    settings: Mapping[str, Setting],
) -> Iterator[Row]:
    counting = wide_tokenizer(artifact)
    for tokens in options.tokens:
        texts = queries_of(tokens, 16, counting)
        samplers = {
            Cell("peers", "decide", settings={**settings, "tokens": tokens}, contender=name): (
                _Deciding(peer, texts)
            )
            for name, peer in peers.items()
        }
        watch = Watch.start(named(artifact))
        found = interleaved(samplers, repetitions=options.repetitions, warm_up=options.warm_up)
        yield from watch.rows(found, warm_up=options.warm_up)


class _Deciding:
    """A sampler: the next text each time, timed inside the peer's process."""

    def __init__(self, peer: PeerProcess, texts: Sequence[str]) -> None:
        self._peer = peer
        self._following = cycle(texts)

    def __call__(self) -> float:
        (seconds,) = self._peer.ask("decide", texts=[next(self._following)])
        return float(seconds)


def _memory(
    peers: Mapping[str, PeerProcess], artifact: RouterArtifact, settings: Mapping[str, Setting]
) -> list[Row]:
    watch = Watch.start(named(artifact))
    found = {name: peer.ask("memory") for name, peer in peers.items()}
    samples = {
        Cell("peers", "resident", "B", settings, name): [float(value)]
        for name, value in found.items()
        if value is not None
    }
    return watch.rows(samples, warm_up=0)


def _quality(
    peers: Mapping[str, PeerProcess],
    artifact: RouterArtifact,
    table: str,
    options: argparse.Namespace,
) -> Iterator[Row]:
    """APGR of everybody who gives a score, and of the prompt's length alone."""
    task = load_task(
        options.data, table, train_rows=options.train_rows, test_rows=options.test_rows
    )
    texts = [query for query, _, _ in task.test]
    scorers: dict[str, Callable[[], Any]] = {LENGTH: lambda: [float(len(text)) for text in texts]}
    asked = {"texts": texts, "examples": task.train, "weak": task.weak, "strong": task.strong}
    for name, peer in peers.items():
        scorers[name] = partial(peer.ask, "score", **asked)
    for name, scorer in scorers.items():
        watch = Watch.start(named(artifact))
        try:
            gains = scorer()
        except ProbeFailed as error:
            yield watch.failure(Cell("peers", f"APGR {table}", "apgr", contender=name), error)
            continue
        yield from watch.rows(_apgr_cells(task, gains, name), warm_up=0)


def _apgr_cells(task: Task, gains: Sequence[float], name: str) -> dict[Cell, list[float]]:
    """The value and the ends of its 95 % interval; nothing for a peer without scores."""
    if any(gain is None for gain in gains):
        return {}
    settings: dict[str, Setting] = {
        "weak": task.weak,
        "strong": task.strong,
        "test_rows": len(task.test),
        "train_rows": len(task.train),
    }
    ends = zip(("", ", 2.5 %", ", 97.5 %"), apgr_of(task, gains), strict=True)
    return {
        Cell("peers", f"APGR {task.table}{end}", "apgr", settings, name, "more", exact=True): [
            value
        ]
        for end, value in ends
    }
