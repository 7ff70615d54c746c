"""edge-router: which command, its exit code, and no traceback for an error of ours."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from . import __version__
from .commands import (
    ask,
    calibrate,
    chat,
    device,
    doctor,
    drift,
    enroll,
    feedback,
    log,
    models,
    route,
)
from .commands.printing import error_json, print_error, print_json
from .errors import ConfigError, EdgeRouterError, MissingExtra

__all__ = ["main"]

COMMANDS = (ask, chat, route, calibrate, enroll, feedback, log, drift, device, doctor, models)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0, 1 for an error of ours, 2 for wrong usage."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["export"]:
        return _guarded(lambda: _export(arguments[1:]))
    if arguments[:1] == ["bench"]:
        return _guarded(lambda: _bench(arguments[1:]))
    options = _parser().parse_args(arguments)
    return _guarded(lambda: options.run(options), as_json=options.json)


def _guarded(run: Callable[[], int | None], *, as_json: bool = False) -> int:
    try:
        return run() or 0
    except EdgeRouterError as error:
        if as_json:
            print_json(error_json(error))
        print_error(error)
        return 2 if isinstance(error, ConfigError) else 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader has gone, as in `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="edge-router", description="Decide on the device who answers a query, then ask them."
    )
    parser.add_argument("--version", action="version", version=f"edge-router {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add(commands)
    commands.add_parser("bench", help="measure this installation (edge-router bench --help)")
    commands.add_parser("export", help="make routers from outcome data (edge-router export --help)")
    return parser


def _export(arguments: Sequence[str]) -> int:
    try:
        from edge_router.export.cli import main as export_main
    except ImportError as error:
        raise MissingExtra(f"the export toolchain ({error.name})", "export") from error
    return int(export_main(arguments))


def _bench(arguments: Sequence[str]) -> int:
    from edge_router.benchmarks.cli import main as bench_main

    return int(bench_main(arguments))


if __name__ == "__main__":
    sys.exit(main())
