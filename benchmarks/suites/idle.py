"""CPU time that an idle router uses after a decision."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from edge_router.routing.artifact.manifest import RouterArtifact

from ..measuring.processes import probe
from ..measuring.recorder import Recorder
from ..measuring.stages import named
from ..rows.row import Cell, Row

__all__ = ["IdleSuite"]

NAMES = {"after": "CPU in the 500 ms after a decision", "idle": "CPU per idle second"}


class IdleSuite:
    """CPU seconds of all threads of one process, sample after sample."""

    name = "idle"
    summary = "CPU burnt in the 500 ms after a decision and per idle second"

    def options(self, parser: argparse.ArgumentParser) -> None:
        parser.set_defaults(most_repetitions=10)

    def run(self, options: argparse.Namespace) -> Iterator[Row]:
        artifact = RouterArtifact.load(options.artifact)
        repetitions = min(options.repetitions, options.most_repetitions)
        recorder = Recorder.start(named(artifact))
        measured = probe("idle", options.artifact, str(repetitions))
        cells = {Cell("idle", measure, "cpu_s"): measured[key] for key, measure in NAMES.items()}
        yield from recorder.rows(cells, warm_up=1)
