"""The local model: load, prefill, decode, and what our client adds before its first token."""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from edge_router.backends.llama_cpp.model_files import default_threads, find_model
from edge_router.client.sync_client import EdgeRouter
from edge_router.errors import EdgeRouterError, MissingExtra

from ..measuring.grid import numbers
from ..measuring.llama import N_CTX, BareLlama, local_config, question, request_for, streamed
from ..measuring.processes import probe
from ..measuring.recorder import Recorder
from ..measuring.stages import named
from ..measuring.timing import interleaved
from ..rows.row import Cell, Row, Setting

__all__ = ["SlmSuite"]

OVERHEAD = "first token: edge-router less llama-cpp-python"


class SlmSuite:
    """Ours and llama-cpp-python called bare hold the same model with the same settings.

    They answer the same questions by turns. Every conversation begins anew, so that none
    profits from the prefix kept of the last one; "second turn" goes on with the conversation just
    answered, beside the same two turns asked anew.
    """

    name = "slm"
    summary = "load, prefill and decode of a GGUF; first token through ours and through llama.cpp"

    def options(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--model", default="smollm2-135m", help="a GGUF file")
        parser.add_argument("--prompt-tokens", type=numbers, default=(64, 256), help="64,256")
        parser.add_argument("--output-tokens", type=numbers, default=(32,), help="32")
        parser.add_argument(
            "--slm-threads", type=int, default=default_threads(), help="of llama.cpp"
        )
        parser.set_defaults(most_repetitions=20)

    def run(self, options: argparse.Namespace) -> Iterator[Row]:
        settings: dict[str, Setting] = {
            "model": Path(options.model).name,
            "threads": options.slm_threads,
        }
        recorder = Recorder.start()
        try:
            path = find_model(options.model)
            if importlib.util.find_spec("llama_cpp") is None:
                raise MissingExtra("llama-cpp-python", "local")
        except EdgeRouterError as error:
            yield recorder.failure(Cell("slm", "load", settings=settings), error)
            return
        repetitions = min(options.repetitions, options.most_repetitions)
        threads = str(options.slm_threads)
        loads = [
            probe("slm_load", str(path), str(N_CTX), threads) for _ in range(min(repetitions, 5))
        ]
        cells = {Cell("slm", "load", settings=settings): [one["load"] for one in loads]}
        yield from recorder.rows(cells, warm_up=0)
        config = local_config(str(path), options.slm_threads, options.artifact)
        bare = BareLlama(path, options.slm_threads)
        with EdgeRouter(config) as ours, closing(bare):
            for tokens in options.prompt_tokens:
                at = {**settings, "prompt_tokens": tokens}
                yield from _speeds(bare, tokens, options.output_tokens, at, repetitions)
                yield from _first_tokens(ours, bare, tokens, at, repetitions)


def _speeds(
    bare: BareLlama,
    tokens: int,
    outputs: tuple[int, ...],
    settings: dict[str, Setting],
    repetitions: int,
) -> Iterator[Row]:
    """Tokens per second, read and written."""
    recorder = Recorder.start()
    prefill = Cell("slm", "prefill", "1/s", settings, better="more")
    decode = {
        output: Cell("slm", "decode", "1/s", {**settings, "output_tokens": output}, better="more")
        for output in outputs
    }
    samplers: dict[Cell, Callable[[], float]] = {prefill: lambda: bare.prefill_rate(tokens)}
    for output, cell in decode.items():
        samplers[cell] = lambda n=output: bare.decode_rate(tokens, n)  # type: ignore[misc]
    measured = interleaved(samplers, repetitions=repetitions, warm_up=1)
    yield from recorder.rows(measured, warm_up=1)


def _first_tokens(
    ours: EdgeRouter,
    bare: BareLlama,
    tokens: int,
    settings: dict[str, Setting],
    repetitions: int,
) -> list[Row]:
    recorder = Recorder.start(named(ours.router.artifact))
    pairs = {"edge-router": _Turns(ours_first_token(ours)), "llama-cpp-python": _Turns(bare.ask)}
    samples: dict[Cell, list[float]] = {}
    for number in range(-1, repetitions):
        names = list(pairs) if number % 2 else list(reversed(pairs))
        text = question(tokens, number)
        for name in names:
            for measure, seconds in pairs[name].take(text, number).items():
                cell = Cell("slm", measure, settings=settings, contender=name)
                if number >= 0:
                    samples.setdefault(cell, []).append(seconds)
    times = {name: samples[_first(settings, name)] for name in pairs}
    differences = zip(*times.values(), strict=True)
    overhead = Cell("slm", OVERHEAD, settings=settings)
    rows = recorder.rows(samples, warm_up=1)
    return rows + recorder.rows(
        {overhead: [a - b for a, b in differences]}, warm_up=1, judged=False
    )


def _first(settings: dict[str, Setting], name: str) -> Cell:
    return Cell("slm", "first token", settings=settings, contender=name)


Ask = Callable[[list[dict[str, str]]], tuple[float, str]]


class _Turns:
    """A conversation of two turns, then the same two asked anew."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def take(self, text: str, number: int) -> dict[str, float]:
        first = [{"role": "user", "content": text}]
        seconds, answer = self._ask(first)
        second = [
            *first,
            {"role": "assistant", "content": answer},
            {"role": "user", "content": f"And {number} of them?"},
        ]
        again, _ = self._ask(second)
        self._ask([{"role": "user", "content": f"Forget {number}."}])  # another prefix
        anew, _ = self._ask(second)
        return {
            "first token": seconds,
            "first token, second turn": again,
            "first token, second turn asked anew": anew,
        }


def ours_first_token(router: EdgeRouter) -> Ask:
    """Seconds to the first piece through `EdgeRouter.stream`, and the whole answer."""

    def ask(messages: list[dict[str, str]]) -> tuple[float, str]:
        def pieces() -> Iterator[str]:
            for chunk in router.stream(request_for(messages)):
                yield chunk.delta

        return streamed(pieces)

    return ask
