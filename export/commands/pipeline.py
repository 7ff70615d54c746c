"""edge-router export train ... run, frontier: the steps from a recipe to a router."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_router.cli.table import parser_of
from edge_router.guards.data_folder import write_atomically
from edge_router.routing.artifact.manifest import RouterArtifact

if TYPE_CHECKING:
    from ..pipeline.steps import Making

__all__ = ["add"]

STEPS = {
    "train": "teacher",
    "distill": "student",
    "quantize": "graphs",
    "calibrate": "calibration",
    "parity": "parity",
}


def add(commands: Any) -> None:
    """Register the commands."""
    for name, step in STEPS.items():
        _add(commands, name, partial(_step, step))
    for name in ("package", "run"):
        command = _add(commands, name, _package)
        command.add_argument("--out", type=Path, help="the artifact's folder (default: WORK/NAME)")
        command.add_argument(
            "--like",
            help="an artifact that this remakes; fails where figures differ by more than "
            "the noise of the test rows",
        )
    frontier = _add(commands, "frontier", _frontier)
    frontier.add_argument("--out", type=Path, required=True, help="folder for frontier.{json,svg}")


def _add(
    commands: Any, name: str, run: Callable[[argparse.Namespace], None]
) -> argparse.ArgumentParser:
    command = parser_of(commands, name, run)
    command.add_argument("recipe", type=Path)
    command.add_argument("--data", type=Path, required=True, help="folder with outcomes/")
    command.add_argument(
        "--work", type=Path, default=Path("work"), help="folder for what lies between"
    )
    return command


def _step(step: str, options: argparse.Namespace) -> None:
    print(json.dumps(_printable(getattr(_making(options), step)), indent=1))


def _printable(result: Any) -> Any:
    """A step's result as JSON values, for the terminal."""
    if isinstance(result, tuple):
        return [str(path) for path in result]
    if isinstance(result, dict):
        return result
    networks = result if isinstance(result, list) else [result]
    return [{"parameters": sum(p.numel() for p in network.parameters())} for network in networks]


def _making(options: argparse.Namespace) -> Making:
    from ..pipeline.steps import Making
    from ..recipe import Recipe

    recipe = Recipe.load(options.recipe)
    return Making(recipe, data=options.data, work=options.work / recipe.name)


def _package(options: argparse.Namespace) -> None:
    making = _making(options)
    former = RouterArtifact.load(options.like) if options.like else None
    made = making.package(options.out or making.work / "artifact")
    print(made.path)
    if former:
        _compare(former, made)


def _compare(former: RouterArtifact, made: RouterArtifact) -> None:
    """Student and teacher, each beside what it was."""
    from ..pipeline.remake import compare_metrics, remake_table, require_same

    comparisons = {
        name: compare_metrics(former.manifest.metrics[key], made.manifest.metrics[key])
        for name, key in (("student", "test"), ("teacher", "teacher"))
    }
    for name, figures in comparisons.items():
        print(f"\n{name}, test split\n\n{remake_table(figures)}")
    for figures in comparisons.values():
        require_same(figures)


def _frontier(options: argparse.Namespace) -> None:
    from ..pipeline.frontier import frontier, frontier_plot, frontier_table

    points = frontier(_making(options))
    as_json = json.dumps([asdict(point) for point in points], indent=1)
    write_atomically(options.out / "frontier.json", as_json + "\n")
    frontier_plot(points, options.out / "frontier.svg")
    print(frontier_table(points))
