"""Time of a routing decision, whole and by stage."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle
from typing import Any

from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.router import Router

from ..measuring.grid import grid, numbers
from ..measuring.recorder import Recorder
from ..measuring.stages import Stages, named, request_of
from ..measuring.texts import queries_of, wide_tokenizer
from ..measuring.timing import interleaved, timed
from ..rows.row import Cell, Row

__all__ = ["LatencySuite"]

DIFFERENT_TEXTS = 16
AROUND = "around"


class LatencySuite:
    """tokenise: text -> arrays. encode: the graph alone. decide: everything behind the encoder.

    whole: text in, decision out. around: whole less the bare tokenizer and the bare graph on the
    same text, that is what our own Python costs. With a batch only the parts that take one. With
    `--numpy` also encode and whole without onnxruntime, in the same run.
    """

    name = "latency"
    summary = "tokenise, encode, decide and whole, by tokens, threads and batch"

    def options(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--tokens",
            type=numbers,
            default=(8, 16, 32, 64, 128, 256),
            help="lengths of queries, such as 8,32,128 (default: 8,16,32,64,128,256)",
        )
        parser.add_argument("--threads", type=numbers, default=(1,), help="within one call")
        parser.add_argument(
            "--numpy", action="store_true", help="also as it runs without onnxruntime"
        )
        parser.add_argument("--batch", type=numbers, default=(1,), help="queries in one call")

    def run(self, options: argparse.Namespace) -> Iterator[Row]:
        artifact = RouterArtifact.load(options.artifact)
        counting = wide_tokenizer(artifact)
        for threads in options.threads:
            stages = Stages.load(artifact, threads=threads)
            for axes in grid({"tokens": options.tokens, "batch": options.batch}):
                texts = queries_of(axes["tokens"], DIFFERENT_TEXTS + axes["batch"], counting)
                yield from _measure(stages, texts, axes, options)


def _measure(
    stages: Stages, texts: Sequence[str], axes: dict[str, int], options: argparse.Namespace
) -> list[Row]:
    settings = {**axes, "tokens_seen": stages.tokens_seen(texts), "threads": stages.threads}
    recorder = Recorder.start(named(stages.artifact))
    samplers = _samplers(stages, texts, axes["batch"])
    if options.numpy and axes["batch"] == 1:
        samplers |= _in_numpy(stages, texts[:DIFFERENT_TEXTS])
    measured = interleaved(samplers, repetitions=options.repetitions, warm_up=options.warm_up)
    rows = recorder.rows(_cells(measured, settings), warm_up=options.warm_up)
    if "whole" in measured:
        parts = zip(measured["whole"], measured["bare tokenizer"], measured["encode"], strict=True)
        around = {AROUND: [whole - tokens - encode for whole, tokens, encode in parts]}
        rows += recorder.rows(_cells(around, settings), warm_up=options.warm_up, judged=False)
    return rows


def _cells(measured: dict[str, list[float]], settings: dict[str, int]) -> dict[Cell, list[float]]:
    return {Cell("latency", name, settings=settings): values for name, values in measured.items()}


def _samplers(stages: Stages, texts: Sequence[str], batch: int) -> dict[str, Callable[[], float]]:
    """One sampler a part; all walk over the same texts, each at its own pace."""
    cut = stages.cut(texts)
    arrays = [stages.arrays(cut[at : at + batch]) for at in range(DIFFERENT_TEXTS)]
    parts = {
        "tokenise": _each(stages.arrays, [cut[at : at + batch] for at in range(DIFFERENT_TEXTS)]),
        "encode": _each(stages.encode, arrays),
    }
    if batch > 1:
        return parts
    known = [stages.knowing_router(text) for text in texts[:DIFFERENT_TEXTS]]
    requests = [request_of(text) for text in texts[:DIFFERENT_TEXTS]]
    routed = list(zip(known, requests, strict=True))
    return parts | {
        "bare tokenizer": _each(stages.bare_tokens, cut[:DIFFERENT_TEXTS]),
        "decide": _each(_route, routed),
        "whole": _each(stages.router().route, texts[:DIFFERENT_TEXTS]),
    }


def _in_numpy(stages: Stages, texts: Sequence[str]) -> dict[str, Callable[[], float]]:
    arrays = [stages.arrays([text]) for text in stages.cut(texts)]
    return {
        "encode in numpy": _each(stages.encoder_in_numpy(), arrays),
        "whole in numpy": _each(stages.router_in_numpy().route, texts),
    }


def _route(pair: tuple[Router, Any]) -> object:
    router, request = pair
    return router.route(request)


def _each(call: Callable[[Any], object], inputs: Sequence[Any]) -> Callable[[], float]:
    """A sampler that takes the next input each time."""
    following = cycle(inputs)

    def sample() -> float:
        given = next(following)
        return timed(lambda: call(given))

    return sample
