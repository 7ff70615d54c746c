"""Memory of a process that only routes, and its growth over many decisions."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

from edge_router.routing.artifact.manifest import RouterArtifact

from ..measuring.processes import probe
from ..measuring.recorder import Recorder
from ..measuring.stages import named
from ..measuring.texts import mixed_queries, queries_of, wide_tokenizer
from ..rows.row import Cell, Row

__all__ = ["MemorySuite"]

LONG_TOKENS = 512


class MemorySuite:
    """Each sample is a fresh process.

    "growth by a 512-token call" is against the loaded artifact; "drift" is what all decisions add
    after each of the 200 mixed texts (3 to 512 tokens) was decided once.
    """

    name = "memory"
    summary = "resident memory before and after, peak, drift over many mixed decisions"

    def options(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--decisions", type=int, default=10_000, help="mixed decisions")
        parser.set_defaults(most_repetitions=5)

    def run(self, options: argparse.Namespace) -> Iterator[Row]:
        artifact = RouterArtifact.load(options.artifact)
        repetitions = min(options.repetitions, options.most_repetitions)
        recorder = Recorder.start(named(artifact))
        with tempfile.TemporaryDirectory() as folder:
            queries = Path(folder) / "queries.json"
            _write_queries(queries, artifact)
            readings = [
                probe("memory", options.artifact, str(options.decisions), str(queries))
                for _ in range(repetitions)
            ]
        samples = {
            Cell("memory", name, "B", settings): values
            for settings in [{"decisions": options.decisions}]
            for name, values in _measures(readings).items()
        }
        yield from recorder.rows(samples, warm_up=0)


def _write_queries(path: Path, artifact: RouterArtifact) -> None:
    counting = wide_tokenizer(artifact)
    (long,) = queries_of(LONG_TOKENS, 1, counting)
    path.write_text(json.dumps({"long": long, "mixed": mixed_queries(counting)}))


def _measures(readings: list[dict[str, int | None]]) -> dict[str, list[float]]:
    """Samples by name, without those that the system does not report."""
    known = [name for name in readings[0] if readings[0][name] is not None]
    samples = {name: [float(one[name] or 0) for one in readings] for name in known}
    for name, later, earlier in (
        ("growth by a 512-token call", "after a 512-token call", "artifact loaded"),
        ("drift", "after all decisions", "after one round"),
    ):
        if {later, earlier} <= samples.keys():
            pairs = zip(samples[later], samples[earlier], strict=True)
            samples[name] = [last - first for last, first in pairs]
    return samples
