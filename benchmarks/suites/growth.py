"""Time of a decision against tokens, experts, history and batch size."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import cycle

from edge_router.chat.completion import ChatRequest, Message
from edge_router.routing.artifact.encoder import OnnxEncoder
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.roster import profile_experts
from edge_router.routing.router import Router, operating_point
from edge_router.settings.config import Config

from ..measuring.grid import names, numbers
from ..measuring.recorder import Recorder
from ..measuring.stages import Stages, named
from ..measuring.texts import queries_of, wide_tokenizer
from ..measuring.timing import interleaved, timed
from ..rows.row import Cell, Row

__all__ = ["GrowthSuite"]

FACTORS = ("tokens", "experts", "history", "batch")
TOKENS = 32  # wherever another factor grows


class GrowthSuite:
    """One factor grows, all else stays: 32 tokens, the six shipped experts, one turn, no batch.

    All sizes of a factor take turns. `batch` is the encoder's time per query in one call.
    """

    name = "growth"
    summary = "time against tokens, experts, history and batch"

    def options(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--factors", type=names, default=FACTORS, help=",".join(FACTORS))
        sizes = {
            "tokens": (8, 16, 32, 64, 128, 256, 512),
            "experts": (2, 10, 100, 1000),
            "history": (1, 10, 100, 1000),
            "batch": (1, 2, 4, 8, 16, 32),
        }
        for factor, default in sizes.items():
            parser.add_argument(
                f"--{factor}",
                type=numbers,
                default=default,
                help=f"sizes, such as {default[0]},{default[1]}",
            )

    def run(self, options: argparse.Namespace) -> Iterator[Row]:
        artifact = RouterArtifact.load(options.artifact)
        for factor in options.factors:
            recorder = Recorder.start(named(artifact))
            samplers = {
                Cell("growth", factor, settings={factor: size}): SAMPLERS[factor](artifact, size)
                for size in getattr(options, factor)
            }
            measured = interleaved(
                samplers, repetitions=options.repetitions, warm_up=options.warm_up
            )
            yield from recorder.rows(measured, warm_up=options.warm_up)


def _by_tokens(artifact: RouterArtifact, tokens: int) -> Callable[[], float]:
    router = Stages.load(artifact).router()
    return _routing(router, [ChatRequest.of(t) for t in _texts(artifact, tokens=tokens)])


def _by_experts(artifact: RouterArtifact, count: int) -> Callable[[], float]:
    profiles = list(profile_experts(artifact).values())
    experts = [replace(profiles[at % len(profiles)], name=f"expert-{at}") for at in range(count)]
    router = Router(artifact, experts, point=operating_point(artifact, Config()))
    return _routing(router, [ChatRequest.of(text) for text in _texts(artifact)])


def _by_history(artifact: RouterArtifact, turns: int) -> Callable[[], float]:
    router = Stages.load(artifact).router()
    before = [
        message
        for at in range(turns - 1)
        for message in (Message("user", f"What is {at} + 1?"), Message("assistant", f"{at + 1}"))
    ]
    requests = [
        ChatRequest((*before, Message("user", text))) for text in _texts(artifact, tokens=TOKENS)
    ]
    return _routing(router, requests)


def _by_batch(artifact: RouterArtifact, size: int) -> Callable[[], float]:
    encoder = OnnxEncoder(artifact)
    texts = _texts(artifact) * size
    return lambda: timed(lambda: encoder.represent_batch(texts[:size])) / size


def _texts(artifact: RouterArtifact, *, tokens: int = TOKENS) -> list[str]:
    return queries_of(tokens, 16, wide_tokenizer(artifact))


def _routing(router: Router, requests: Sequence[ChatRequest]) -> Callable[[], float]:
    """A sampler of whole decisions, the next request each time."""
    following = cycle(requests)

    def sample() -> float:
        request = next(following)
        return timed(lambda: router.route(request))

    return sample


SAMPLERS = {
    "tokens": _by_tokens,
    "experts": _by_experts,
    "history": _by_history,
    "batch": _by_batch,
}
