"""Other routers beside ours: starting, deciding, memory, size and APGR."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from edge_router.errors import ConfigError
from edge_router.routing.artifact.manifest import RouterArtifact

from ..measuring.grid import names, numbers
from ..measuring.processes import ProbeFailed
from ..measuring.recorder import Recorder
from ..measuring.stages import named
from ..peers.contender import CONTENDERS
from ..peers.environment import Environment, default_cache, prepare
from ..peers.process import network_is_off
from ..peers.quality import PAIRS
from ..peers.trial import Trial
from ..rows.row import Cell, Row

__all__ = ["PeersSuite"]


class PeersSuite:
    """Every contender in an environment and a process of its own, the network off where possible.

    Deciding is timed inside the processes, a round of one decision each. APGR needs the outcome
    tables (`--data`); a contender that learns does so from the first `--train-rows` train rows.
    """

    name = "peers"
    summary = "other routers beside ours, each in a fresh process without network"

    def options(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--contenders", type=names, default=tuple(CONTENDERS), help="names")
        parser.add_argument(
            "--tokens",
            type=numbers,
            default=(32,),
            help="lengths of queries, such as 8,32,128 (default: 32)",
        )
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
        environments: dict[str, Environment] = {}
        for name in options.contenders:
            recorder = Recorder.start(named(artifact))
            try:
                environments[name] = prepare(CONTENDERS[name], options.cache)
            except (ProbeFailed, OSError) as error:
                yield recorder.failure(Cell("peers", "installed", "B", contender=name), error)
        trial = Trial(environments, artifact, options, {"network": not network_is_off()})
        yield from trial.sizes()
        yield from trial.starts()
        yield from trial.running()
