"""The engines that run a GGUF file, side by side."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from edge_router.backends.llama_cpp.engine import ENGINES, engine_for
from edge_router.backends.llama_cpp.model_files import default_threads, find_model
from edge_router.errors import EdgeRouterError

from ..measuring.processes import probe
from ..measuring.recorder import Recorder
from ..rows.row import Cell, Row, Setting

__all__ = ["EnginesSuite"]

RATES = ("decode", "one by one", "at once")


class EnginesSuite:
    """Each sample is a fresh process, of each installed engine by turns.

    "one by one" and "at once" are tokens per second of four answers together.
    """

    name = "engines"
    summary = "llama-cpp-python beside xllamacpp: load, first token, speed, memory, four callers"

    def options(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--model", default="smollm2-135m", help="a GGUF file")
        parser.add_argument("--output-tokens", type=int, default=48, help="of each answer")
        parser.add_argument(
            "--slm-threads", type=int, default=default_threads(), help="of llama.cpp"
        )
        parser.set_defaults(most_repetitions=5)

    def run(self, options: argparse.Namespace) -> Iterator[Row]:
        settings: dict[str, Setting] = {
            "model": Path(options.model).name,
            "threads": options.slm_threads,
            "output_tokens": options.output_tokens,
        }
        recorder = Recorder.start()
        try:
            path = str(find_model(options.model))
            engine_for(None)
        except EdgeRouterError as error:
            yield recorder.failure(Cell("engines", "first token", settings=settings), error)
            return
        arguments = (path, str(options.slm_threads), str(options.output_tokens))
        installed = [engine.name for engine in ENGINES.values() if engine.installed]
        samples: dict[Cell, list[float]] = {}
        for _ in range(min(options.repetitions, options.most_repetitions)):
            for name in installed:
                try:
                    readings = probe("engine", name, *arguments)
                except EdgeRouterError as error:
                    cell = Cell("engines", "first token", settings=settings, contender=name)
                    yield recorder.failure(cell, error)
                    continue
                for measure, value in readings.items():
                    samples.setdefault(_cell(measure, settings, name), []).append(value)
        yield from recorder.rows(samples, warm_up=0)


def _cell(measure: str, settings: dict[str, Setting], engine: str) -> Cell:
    if measure in RATES:
        return Cell("engines", measure, "1/s", settings, contender=engine, better="more")
    unit = "B" if measure == "memory" else "s"
    return Cell("engines", measure, unit, settings, contender=engine)  # type: ignore[arg-type]
