"""edge-router export: runs one command of the toolchain and returns its exit code."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from edge_router.cli.exits import exit_code_of
from edge_router.cli.table import OneLineParser, add_commands
from edge_router.errors import MissingExtra

from .studies.catalog import STUDIES

__all__ = ["main", "whole_parser"]

COMMANDS = {
    "init": ("init", "a folder for a router of one's own, from a CSV of scores"),
    "collect": ("collect", "run experts over questions with gold answers"),
    "grade": ("grade", "score collected answers again: rule or code tests, BERTSim, NLL"),
    "judge": ("judge", "have an expert rate answers under a rubric"),
    "merge": ("merge", "join the exported outcome logs of many devices into a Parquet table"),
    "import": ("importing", "turn a public format into outcome rows"),
    "train": ("pipeline", "fine-tune the teacher's networks, after the steps before it"),
    "distill": (
        "pipeline",
        "distil the teacher into the network that ships, after the steps before it",
    ),
    "quantize": (
        "pipeline",
        "export the student to ONNX and quantise it, after the steps before it",
    ),
    "calibrate": (
        "pipeline",
        "fit heads, temperature and operating points, after the steps before it",
    ),
    "parity": ("pipeline", "check that int8 decides as fp32 does, after the steps before it"),
    "package": ("pipeline", "put the artifact together"),
    "run": ("pipeline", "all steps, from outcome tables to a verified artifact"),
    "frontier": ("pipeline", "all students of a recipe compared"),
    "evaluate": ("evaluate", "artifacts and research routers on outcome tables"),
    "assess": ("assess", "every measure of one artifact: everyday, exams, pools, attacks"),
    "held-out": ("held_out", "an artifact on tables it never saw, nothing fitted"),
    **{name: ("study", study.help) for name, study in STUDIES.items()},
}


def main(argv: Sequence[str]) -> int:
    """Run one export command; returns the exit code, one of `edge_router.cli.exits`."""
    return exit_code_of(lambda: _run(argv), program="edge-router export")


def _run(argv: Sequence[str]) -> int | None:
    try:
        options = _parser(argv).parse_args(argv)
        code: int | None = options.run(options)
    except ModuleNotFoundError as error:
        raise MissingExtra(f"the export toolchain ({error.name})", "export") from error
    return code


def whole_parser() -> argparse.ArgumentParser:
    """The parser of the command with all steps. Raises ModuleNotFoundError without the extra."""
    return _parser((), whole=True)


def _parser(arguments: Sequence[str], *, whole: bool = False) -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="edge-router export", description="Make a router from outcome data."
    )
    package = f"{__package__}.commands"
    add_commands(parser, COMMANDS, package=package, arguments=arguments, whole=whole)
    return parser
