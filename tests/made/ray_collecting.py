"""Collects made questions from fake experts, through Ray or in this process, and prints figures.

    python tests/made/ray_collecting.py OUT --rows 100000 --engine ray --parallel 2

Run as a program of its own, so that tests can kill it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from edge_router.backends.deadline import Deadline
from edge_router.chat.completion import ChatChunk, ChatRequest
from edge_router.export.collecting.asked_expert import AskedExpert
from edge_router.export.collecting.collect import Asked, collect
from edge_router.export.collecting.pace import Pace
from edge_router.export.collecting.ray_cluster import ray_cluster
from edge_router.export.collecting.ray_expert import RayExpert
from edge_router.learning.outcomes.rows import Row
from edge_router.testing import FakeBackend

DEADLY = "What kills a worker?"


class Expert(FakeBackend):
    """Answers the number that a question asks for, late if wanted; dies of the DEADLY question.

    Each request is a line in `asked`, with its time.
    """

    def __init__(self, *, delay_s: float, asked: Path | None) -> None:
        super().__init__(delay_s=delay_s)
        self.asked = asked

    def stream(
        self, request: ChatRequest, *, deadline: Deadline
    ) -> Generator[ChatChunk, None, None]:
        text = request.messages[-1].text
        if text.startswith(DEADLY):
            os._exit(1)
        if self.asked is not None:
            with self.asked.open("a") as file:
                file.write(f"{time.time()}\n")
        said = FakeBackend(f"It is {text.split()[2]}", delay_s=self.delay_s / 3)
        yield from said.stream(request, deadline=deadline)


class Scorer(FakeBackend):
    """Finds a reference the less likely the longer it is, and answers nothing."""

    def negative_log_likelihood(
        self, request: ChatRequest, reference: str, *, deadline: Deadline
    ) -> float | None:
        return len(reference) + len(request.messages[-1].text) / 1000


def question(number: int) -> Row:
    """A made question, right when its number is even."""
    query = f"What is {number} plus nothing?"
    return {
        "source": "made",
        "id": str(number),
        "qkey": hashlib.sha256(query.encode()).hexdigest()[:16],
        "split": "train",
        "task": "made",
        "lang": "en",
        "query": query,
        "gold": str(number + number % 2),
        "metric": "number",
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Collect, and print how long it took and how much memory the driver took."""
    options = _parser().parse_args(argv)
    rows = [question(number) for number in range(options.rows)]
    if options.deadly is not None:
        rows[options.deadly] = rows[options.deadly] | {"query": DEADLY}
    make = partial(Expert, delay_s=options.delay, asked=options.asked)
    seen: list[int] = []
    threading.Thread(target=_watch_memory, args=(seen,), daemon=True).start()
    start = time.monotonic()
    with ExitStack() as stack:
        experts = [_expert(name, make, options, stack) for name in options.expert or ["fake"]]
        ready = time.monotonic()
        collect(rows, experts, options.out, first_pause_s=0.0)
        end = time.monotonic()
    figures = {
        "engine": options.engine,
        "rows": options.rows,
        "parallel": options.parallel,
        "start_s": round(ready - start, 1),
        "collect_s": round(end - ready, 2),
        "rows_per_s": round(options.rows / (end - ready)),
        "ms_per_row": round(1000 * (end - ready) / options.rows, 3),
        "cpu_ms_per_row": round(1000 * time.process_time() / options.rows, 3),
        "rss_mb": [seen[len(seen) * part // 5] for part in range(5)] + seen[-1:],
    }
    print(json.dumps(figures))  # noqa: T201 - its result


def _expert(name: str, make: Any, options: argparse.Namespace, stack: ExitStack) -> Asked:
    if options.engine == "process":
        backend = make()
        return AskedExpert(name, (backend,) * options.parallel, pace=Pace(options.per_minute))
    ray = stack.enter_context(ray_cluster(options.address, cpus=options.cpus))
    return RayExpert(ray, name, make, options.parallel, requests_per_minute=options.per_minute)


def _watch_memory(seen: list[int]) -> None:
    while True:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        seen.append(pages * os.sysconf("SC_PAGE_SIZE") // 2**20)
        time.sleep(0.5)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--rows", type=int, default=100)
    parser.add_argument("--engine", choices=("process", "ray"), default="process")
    parser.add_argument("--address")
    parser.add_argument("--cpus", type=int, default=2)
    parser.add_argument("--parallel", type=int, default=1)
    parser.add_argument("--delay", type=float, default=0.0, help="seconds an answer takes")
    parser.add_argument("--per-minute", type=float)
    parser.add_argument("--expert", action="append")
    parser.add_argument("--deadly", type=int, help="the question that kills its worker")
    parser.add_argument("--asked", type=Path, help="a line here for each request")
    return parser


if __name__ == "__main__":
    main()
