"""Decisions a second of several threads that share one router."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.router import Router

from ..measuring.grid import grid, numbers
from ..measuring.recorder import Recorder
from ..measuring.stages import Stages, named
from ..measuring.texts import queries_of, wide_tokenizer
from ..measuring.timing import interleaved
from ..rows.row import Cell, Row

__all__ = ["ThroughputSuite"]

DIFFERENT_TEXTS = 64


class ThroughputSuite:
    """Each sample is a run of some seconds; runs with more and fewer threads take turns."""

    name = "throughput"
    summary = "decisions a second, by threads that share one router"

    def options(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--threads", type=numbers, default=(1, 2, 4), help="1,2,4")
        parser.add_argument(
            "--tokens",
            type=numbers,
            default=(32,),
            help="lengths of queries, such as 8,32,128 (default: 32)",
        )
        parser.add_argument("--seconds", type=float, default=1.0, help="length of one sample")
        parser.set_defaults(most_repetitions=10)

    def run(self, options: argparse.Namespace) -> Iterator[Row]:
        artifact = RouterArtifact.load(options.artifact)
        router = Stages.load(artifact).router()
        counting = wide_tokenizer(artifact)
        for tokens in options.tokens:
            texts = queries_of(tokens, DIFFERENT_TEXTS, counting)
            recorder = Recorder.start(named(artifact))
            samplers = {
                Cell("throughput", "whole", "1/s", settings, better="more"): partial(
                    _rate, router, texts, settings["threads"], options.seconds
                )
                for settings in grid({"tokens": (tokens,), "threads": options.threads})
            }
            repetitions = min(options.repetitions, options.most_repetitions)
            measured = interleaved(samplers, repetitions=repetitions, warm_up=1)
            yield from recorder.rows(measured, warm_up=1)


def _rate(router: Router, texts: Sequence[str], threads: int, seconds: float) -> float:
    """Decisions a second over at least `seconds`; each thread makes one or more."""
    start = time.perf_counter()
    end = start + seconds

    def work(first: int) -> int:
        done = 0
        while done == 0 or time.perf_counter() < end:
            router.route(texts[(first + done) % len(texts)])
            done += 1
        return done

    with ThreadPoolExecutor(threads) as pool:
        total = sum(pool.map(work, range(0, threads * 7, 7)))
    return total / (time.perf_counter() - start)
