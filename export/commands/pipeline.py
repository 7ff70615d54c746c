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
from edge_router.errors import InvalidRequest
from edge_router.guards.data_folder import require_writable, write_atomically
from edge_router.routing.artifact.manifest import RouterArtifact

from ..studies.options import add_shared
from .init import TABLE_WORDS, add_table_options, say

if TYPE_CHECKING:
    from ..pipeline.steps import Making

__all__ = ["add", "from_table"]

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
        own = name == "run"  # it also goes without a recipe
        command = _add(commands, name, _run if own else _package, own=own)
        command.add_argument("--out", type=Path, help="the artifact's folder (default: WORK/NAME)")
        command.add_argument(
            "--like",
            help="an artifact that this remakes; fails where figures differ by more than "
            "the noise of the test rows",
        )
    frontier = _add(commands, "frontier", _frontier)
    frontier.add_argument(
        "--out", type=Path, required=True, help="folder for frontier.json and .svg"
    )


def _add(
    commands: Any, name: str, run: Callable[[argparse.Namespace], None], *, own: bool = False
) -> argparse.ArgumentParser:
    """A command that follows a recipe; with `own` a table of one's own will do instead."""
    command = parser_of(commands, name, run)
    command.add_argument(
        "recipe", type=Path, nargs="?" if own else None, help="a shipped recipe's name or a file"
    )
    command.add_argument("--data", type=Path, required=not own, help="folder with outcomes/")
    if own:
        command.add_argument(
            "--outcomes",
            type=Path,
            metavar="TABLE",
            help="a CSV or JSON lines of scores instead of a recipe and --data",
        )
        add_table_options(command)
        command.epilog = TABLE_WORDS
    add_shared(command, "--work")
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


def _run(options: argparse.Namespace) -> None:
    """All steps, on a recipe or on a table of one's own."""
    if options.outcomes is None:
        if options.recipe is None or options.data is None:
            raise InvalidRequest(
                "give RECIPE and --data DATA, or --outcomes TABLE for a router from a CSV of scores"
            )
        if options.weak or options.strong:
            raise InvalidRequest("--weak and --strong name experts of --outcomes TABLE")
    else:
        if options.recipe is not None or options.data is not None:
            raise InvalidRequest("give RECIPE and --data DATA, or --outcomes TABLE, not both")
        from_table(options)
    _package(options)


def from_table(options: argparse.Namespace) -> None:
    """Make the folder of a table, and let the options name its recipe."""
    from ..pipeline.own_table import OwnTable

    table = OwnTable.read(options.outcomes, weak=options.weak, strong=options.strong)
    folder = options.work / table.name
    table.write(folder, replace=True)
    if table.few:
        say(table, folder)
    options.recipe, options.data = folder / "recipe.toml", folder
    options.out = options.out or folder / "router"


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

    require_writable(options.out / "frontier.json")
    points = frontier(_making(options))
    as_json = json.dumps([asdict(point) for point in points], indent=1)
    write_atomically(options.out / "frontier.json", as_json + "\n")
    frontier_plot(points, options.out / "frontier.svg")
    print(frontier_table(points))
