"""edge-router: which command, its exit code, and no traceback for an error of ours."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from . import __version__
from .command_table import add_commands
from .errors import ConfigError, EdgeRouterError, MissingExtra

__all__ = ["main"]

COMMANDS = {
    "ask": ("ask", "answer TEXT with the expert that suits it"),
    "chat": ("chat", "talk; the history is kept, each turn is routed"),
    "route": ("route", "decide who would answer; nobody is called"),
    "calibrate": ("calibrate", "make an operating point that keeps a target"),
    "enroll": ("enroll", "teach the router a new expert, on this device"),
    "feedback": ("feedback", "tell how good an answer was (setting learn = true)"),
    "log": ("log", "outcomes kept on this device (setting learn = true)"),
    "drift": ("drift", "whether queries look like those the router knows"),
    "device": ("device", "what this machine is, and how fast its local experts are"),
    "doctor": ("doctor", "check this installation; no expert is called"),
    "models": ("models", "list routers, profiles, enrolled and local models"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0, 1 for an error of ours, 2 for wrong usage."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["export"]:
        return _guarded(lambda: _export(arguments[1:]))
    if arguments[:1] == ["bench"]:
        return _guarded(lambda: _bench(arguments[1:]))
    options = _parser(arguments).parse_args(arguments)
    return _guarded(lambda: options.run(options), as_json=options.json)


def _guarded(run: Callable[[], int | None], *, as_json: bool = False) -> int:
    try:
        return run() or 0
    except EdgeRouterError as error:
        from .commands.printing import error_json, print_error, print_json

        if as_json:
            print_json(error_json(error))
        print_error(error)
        return 2 if isinstance(error, ConfigError) else 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader has gone, as in `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="edge-router", description="Decide on the device who answers a query, then ask them."
    )
    parser.add_argument("--version", action="version", version=f"edge-router {__version__}")
    package = f"{__package__}.commands"
    commands = add_commands(parser, COMMANDS, package=package, arguments=arguments)
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
