"""Whole answers through the client: the share of the router, and the client without a model."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from itertools import count

from edge_router.backends.base import Backend
from edge_router.client.sync_client import EdgeRouter
from edge_router.errors import EdgeRouterError
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.record import AnswerRecord
from edge_router.testing import FakeBackend

from ..measuring.llama import local_config, question, request_for
from ..measuring.recorder import Recorder
from ..measuring.stages import named
from ..measuring.timing import timed
from ..rows.row import Cell, Row, Setting

__all__ = ["EndToEndSuite"]

PARTS: dict[str, Callable[[AnswerRecord], float]] = {
    "router": lambda record: record.router_s,
    "first token": lambda record: record.first_token_s or record.total_s,
    "whole answer": lambda record: record.total_s,
}


class EndToEndSuite:
    """`expert` "instant" answers at once, so that what is left is our client's own time."""

    name = "end_to_end"
    summary = "whole answers through the client: router, first token, all"

    def options(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--model", default="smollm2-135m", help="a GGUF file")
        parser.add_argument(
            "--slm-threads", type=int, help="of llama.cpp (default: what suits this machine)"
        )
        parser.add_argument("--prompt-tokens", type=int, default=64, help="about, of the query")
        parser.add_argument("--output-tokens", type=int, default=32, help="of the answer")

    def run(self, options: argparse.Namespace) -> Iterator[Row]:
        artifact = named(RouterArtifact.load(options.artifact))
        for expert in ("instant", "llama_cpp"):
            settings: dict[str, Setting] = {
                "expert": expert,
                "prompt_tokens": options.prompt_tokens,
                "output_tokens": options.output_tokens,
            }
            recorder = Recorder.start(artifact)
            try:
                measured = _measure(expert, options)
            except EdgeRouterError as error:
                yield recorder.failure(Cell("end_to_end", "whole answer", settings=settings), error)
                continue
            samples = {Cell("end_to_end", n, settings=settings): v for n, v in measured.items()}
            yield from recorder.rows(samples, warm_up=options.warm_up)


def _measure(expert: str, options: argparse.Namespace) -> dict[str, list[float]]:
    config = local_config(options.model, options.slm_threads, options.artifact)
    instant: dict[str, Backend] = {"local": FakeBackend()}
    limit = 1000 if expert == "instant" else 20
    records: list[AnswerRecord] = []
    with EdgeRouter(
        config, backends=instant if expert == "instant" else None, hooks=[records.append]
    ) as router:
        numbers = count()

        def ask() -> object:
            text = question(options.prompt_tokens, next(numbers))
            request = request_for([{"role": "user", "content": text}], options.output_tokens)
            return list(router.stream(request))

        repetitions = min(options.repetitions, limit)
        outside = [timed(ask) for _ in range(options.warm_up + repetitions)][options.warm_up :]
    kept = records[options.warm_up :]
    return {name: [part(r) for r in kept] for name, part in PARTS.items()} | {"outside": outside}
