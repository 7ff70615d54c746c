"""Time from the start of a process to its first decision."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from edge_router.routing.artifact.manifest import RouterArtifact

from ..measuring.processes import probe, script, seconds_to_first_line
from ..measuring.recorder import Recorder
from ..measuring.stages import named
from ..measuring.timing import interleaved
from ..rows.row import Cell, Row

__all__ = ["ColdSuite"]


class ColdSuite:
    """Each sample is a fresh process; files are in the system's cache after the warm-up round.

    The bare interpreter stands beside, since part of every start is Python's own. The steps are
    those of one process that takes them one by one.
    """

    name = "cold"
    summary = "process start to first decision, imports, load, --version"

    def options(self, parser: argparse.ArgumentParser) -> None:
        parser.set_defaults(most_repetitions=20)

    def run(self, options: argparse.Namespace) -> Iterator[Row]:
        artifact = RouterArtifact.load(options.artifact)
        repetitions = min(options.repetitions, options.most_repetitions)
        recorder = Recorder.start(named(artifact))
        measured = interleaved(
            _starts(options.artifact), repetitions=repetitions, warm_up=min(options.warm_up, 1)
        )
        cells = {Cell("cold", name): values for name, values in measured.items()}
        yield from recorder.rows(cells, warm_up=min(options.warm_up, 1))

        recorder = Recorder.start(named(artifact))
        steps = [probe("stages_of_start", options.artifact)["steps"] for _ in range(repetitions)]
        cells = {Cell("cold", f"step: {name}"): [s[name] for s in steps] for name in steps[0]}
        yield from recorder.rows(cells, warm_up=0)


def _starts(artifact: str) -> dict[str, Callable[[], float]]:
    """Samplers of whole processes, from their start to their first line."""
    commands = {
        "bare interpreter": [sys.executable, "-c", "print()"],
        "import edge_router": [sys.executable, "-c", "import edge_router; print()"],
        "--version": [*_edge_router(), "--version"],
        "first decision": script("first_decision", artifact),
    }
    return {name: partial(seconds_to_first_line, command) for name, command in commands.items()}


def _edge_router() -> list[str]:
    """The installed command beside this Python, else the module."""
    program = shutil.which("edge-router", path=str(Path(sys.executable).parent))
    return [program] if program else [sys.executable, "-m", "edge_router.cli"]
