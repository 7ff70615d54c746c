"""Bytes written for a thousand answers, by what the settings keep: how fast a card wears."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from typing import Any

from edge_router.errors import EdgeRouterError

from ..measuring.processes import probe
from ..measuring.recorder import Recorder
from ..rows.row import Cell, Row

__all__ = ["WritesSuite"]

KEPT: Mapping[str, Mapping[str, Any]] = {
    "nothing": {},
    "outcomes": {"learn": True},
    "outcomes and texts": {"learn": True, "learn_prompts": True},
    "outcomes, 20 at once": {"learn": True, "learn_batch": 20},
    "a budget": {"budget": {"usd_per_day": 1.0}},
}


class WritesSuite:
    """Each sample is a fresh process with a data folder of its own; a fake expert answers at once.

    "calls" is what the process gave to write calls, "disk" what the kernel counts for the storage
    (0 on a tmpfs), "file" the size of the data folder in the end.
    """

    name = "writes"
    summary = "bytes written for 1,000 answers, by what the settings keep"

    def options(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--answers", type=int, default=1000, help="of one sample")
        parser.set_defaults(most_repetitions=3)

    def run(self, options: argparse.Namespace) -> Iterator[Row]:
        recorder = Recorder.start()
        samples: dict[Cell, list[float]] = {}
        for _ in range(min(options.repetitions, options.most_repetitions)):
            for kept, settings in KEPT.items():
                facts = {"keeps": kept, "answers": options.answers}
                try:
                    readings = probe("writes", str(options.answers), json.dumps(settings))
                except EdgeRouterError as error:
                    yield recorder.failure(Cell("writes", "calls", "B", facts), error)
                    continue
                for measure, value in readings.items():
                    cell = Cell("writes", measure, "B", facts, exact=measure == "calls")
                    samples.setdefault(cell, []).append(value)
        yield from recorder.rows(samples, warm_up=0)
