"""edge-router export ...: which of the toolchain's commands, and its exit code."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from edge_router.cli.table import OneLineParser, add_commands
from edge_router.errors import EdgeRouterError
from edge_router.guards.redaction import without_secrets

from .data.rows import BadData
from .studies.catalog import STUDIES

__all__ = ["main"]

COMMANDS = {
    "collect": ("collect", "run experts over questions with gold answers"),
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
    "held-out": ("held_out", "an artifact on tables it never saw, nothing fitted"),
    **{name: ("study", study.help) for name, study in STUDIES.items()},
}


def main(argv: Sequence[str]) -> int:
    """Run one export command; returns the exit code: 1 for data that cannot be used."""
    options = _parser(argv).parse_args(argv)
    try:
        options.run(options)
    except BrokenPipeError:  # the reader of standard output has gone: the caller's to end quietly
        raise
    except (BadData, EdgeRouterError, OSError) as error:
        print(f"edge-router export: {without_secrets(str(error))}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as stopped:
        if str(stopped):
            print(f"edge-router export: {stopped}", file=sys.stderr)
        return 130
    return 0


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="edge-router export", description="Make a router from outcome data."
    )
    add_commands(parser, COMMANDS, package=f"{__package__}.commands", arguments=arguments)
    return parser
