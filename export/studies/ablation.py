"""Ablation: the speed gained by each step from MiniLM to the shipped encoder.

Time does not depend on the values of the weights, so nothing is trained here; what a step costs in
quality is measured by `frontier`, where students are trained.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from edge_router.routing.artifact.encoder import open_session

from .plain_int8 import SLOW_FUSIONS, fuse, round_weights

__all__ = ["STEPS", "Measured", "Step", "ablation", "ablation_table"]

LENGTHS = (32, 128)
MAX_TOKENS = 128
OPENINGS = 5
READ_OUTS: dict[str, Any] = {"difficulties": 32, "kinds": 30, "experts": 2}


@dataclass(frozen=True, slots=True)
class Step:
    """A graph on the way; `label` says in what it differs from the one before.

    `words` is the size of the vocabulary. A `rounded` graph has int8 weights. One that is `fused`
    was so when it was written, but for the fusions `without`; others are fused whenever they open.
    An `exact` one is written operation by operation and gives the same numbers on every CPU.
    """

    label: str
    layers: tuple[int, ...] = (0, 1, 2, 3, 4, 5)
    width: int = 384
    feed_forward: int = 1536
    words: int = 30_522
    rounded: bool = False
    fused: bool = False
    without: tuple[str, ...] = ()
    exact: bool = False


def _steps() -> Iterator[Step]:
    step = Step("MiniLM-L6, fp32")
    yield step
    for label, change in (
        ("weights in int8, activations as they come", {"rounded": True}),
        ("3 of 6 layers", {"layers": (0, 2, 4)}),
        (
            "256 of 384 dimensions, 1,024 of 1,536 neurons",
            {"width": 256, "feed_forward": 1024},
        ),
        ("16,000 of 30,522 words", {"words": 16_000}),
        ("fused when written, not whenever opened", {"fused": True}),
        ("sums and LayerNormalization not fused", {"without": SLOW_FUSIONS}),
        ("the same numbers on every CPU", {"exact": True}),
        ("2 of 6 layers", {"layers": (0, 3)}),
    ):
        step = replace(step, label=label, **change)
        yield step


STEPS = tuple(_steps())


@dataclass(frozen=True, slots=True)
class Measured:
    """A step's median milliseconds by tokens of one text on one thread, the milliseconds that
    opening its file takes (the fastest of five), and the file in megabytes."""

    step: str
    p50_ms: dict[int, float]
    open_ms: float
    megabytes: float


def ablation(
    base: Path, work: Path, *, repeats: int = 200, steps: Sequence[Step] = STEPS
) -> list[Measured]:
    """Write each step's graph into `work` and time all of them in turn, so that whatever slows the
    machine slows each alike. `base` is the folder of MiniLM's weights."""
    work.mkdir(parents=True, exist_ok=True)
    graphs = [
        _written(step, base, work / f"{number}.onnx")
        for number, step in enumerate(tqdm(steps, "write", unit="graph"))
    ]
    opened = [_opened(graph, step) for graph, step in zip(graphs, steps, strict=True)]
    seconds = {
        tokens: _race([session for session, _ in opened], tokens, repeats) for tokens in LENGTHS
    }
    return [
        Measured(
            step=step.label,
            p50_ms={tokens: 1000 * medians[number] for tokens, medians in seconds.items()},
            open_ms=1000 * opened[number][1],
            megabytes=graphs[number].stat().st_size / 1e6,
        )
        for number, step in enumerate(steps)
    ]


def _written(step: Step, base: Path, graph: Path) -> Path:
    if step.exact:
        return _written_exactly(step, base, graph)
    from ..graphs.to_onnx import export_onnx

    fp32, rounded = graph.with_suffix(".fp32"), graph.with_suffix(".rounded")
    export_onnx(_network(step, base), fp32, max_tokens=MAX_TOKENS)
    if not step.rounded:
        return fp32.replace(graph)
    round_weights(fp32, rounded)
    fp32.unlink()
    if not step.fused:
        return rounded.replace(graph)
    fuse(rounded, graph, without=step.without)
    rounded.unlink()
    return graph


def _written_exactly(step: Step, base: Path, graph: Path) -> Path:
    from ..graphs.quantize import quantize
    from ..training.grid import hold_to_grid, settle_on_grid

    network = _network(step, base)
    hold_to_grid(network)
    settle_on_grid(network)
    words = np.random.default_rng(0).integers(1000, step.words, (32, 64))
    quantize(network, graph, words.tolist(), max_tokens=MAX_TOKENS)
    return graph


def _network(step: Step, base: Path) -> Any:
    from ..training.model import RouterNetwork
    from ..training.shrink import shrink

    whole = RouterNetwork.from_pretrained(base, **READ_OUTS)
    bert = shrink(
        whole.bert,
        layers=step.layers,
        width=step.width,
        feed_forward=step.feed_forward,
        words=range(step.words),
    )
    return RouterNetwork(bert, **READ_OUTS)


def _opened(graph: Path, step: Step) -> tuple[Any, float]:
    """The session, and how many seconds opening takes."""
    seconds = []
    for _ in range(OPENINGS):
        start = time.perf_counter()
        session = open_session(graph, fused=step.fused)
        seconds.append(time.perf_counter() - start)
    return session, min(seconds)


def _race(sessions: Sequence[Any], tokens: int, repeats: int) -> list[float]:
    """Median seconds of each session, for one text."""
    ids = np.random.default_rng(0).integers(1000, 15_000, (1, tokens))
    feed = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
    seconds: list[list[float]] = [[] for _ in sessions]
    for _ in tqdm(range(repeats), f"time {tokens} tokens", unit="round"):
        for session, timed in zip(sessions, seconds, strict=True):
            session.run(None, feed)  # the one before has taken the caches
            start = time.perf_counter()
            session.run(None, feed)
            timed.append(time.perf_counter() - start)
    return [statistics.median(timed) for timed in seconds]


def ablation_table(rows: Sequence[Measured]) -> str:
    """As Markdown; `x` is how many times as fast as the first row."""
    first = rows[0].p50_ms
    lines = [
        "| step | ms at 32 tokens | x | ms at 128 tokens | x | ms to open | MB |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        times = " | ".join(
            f"{row.p50_ms[tokens]:.2f} | {first[tokens] / row.p50_ms[tokens]:.1f}"
            for tokens in LENGTHS
        )
        lines.append(f"| {row.step} | {times} | {row.open_ms:.0f} | {row.megabytes:.1f} |")
    return "\n".join(lines)
