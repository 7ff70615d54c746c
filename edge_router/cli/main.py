"""The program edge-router: runs one command, returns its exit code, prints errors in one line."""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
import sys
from collections.abc import Callable, Sequence

from edge_router import __version__
from edge_router.errors import ConfigError, EdgeRouterError, MissingExtra

from .table import OneLineParser, add_commands
from .terminal import discard, prepare, print_line, settled, stdout_fault

__all__ = ["main"]

WRITING = (errno.ENOSPC, errno.EBADF, errno.EIO, errno.EFBIG)

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
    """Run one command; returns the exit code: 0, 1 for an error of ours, 2 for wrong usage, 130 for
    Ctrl-C, 143 for SIGTERM. Without `argv` it owns the process: its streams and its signals."""
    if argv is not None:
        return _run(list(argv))
    fault = prepare()
    if fault is not None:
        print_line(f"edge-router: {fault}")
        return settled(1)
    try:
        return settled(_run(sys.argv[1:]))
    except SystemExit as ended:
        return settled(ended.code if isinstance(ended.code, int) else 1)


def _run(arguments: list[str]) -> int:
    if arguments[:1] == ["export"]:
        return _guarded(lambda: _export(arguments[1:]))
    if arguments[:1] == ["bench"]:
        return _guarded(lambda: _bench(arguments[1:]))
    return _guarded(lambda: _command(arguments), as_json="--json" in arguments)


def _command(arguments: Sequence[str]) -> int | None:
    options = _parser(arguments).parse_args(arguments)
    code: int | None = options.run(options)
    return code


def _guarded(run: Callable[[], int | None], *, as_json: bool = False) -> int:
    """The process boundary: whatever is raised becomes a line and an exit code."""
    try:
        return run() or 0
    except EdgeRouterError as error:
        _tell(error, as_json=as_json)
        return 2 if isinstance(error, ConfigError) else 1
    except KeyboardInterrupt:
        if sys.stderr.isatty():
            print_line("")
        return 130
    except BrokenPipeError:  # the reader has gone, as in `| head`
        discard(sys.stdout)
        return 0
    except OSError as error:
        if stdout_fault() is None:  # else that fault is reported at the end
            _tell(EdgeRouterError(_words(error)), as_json=as_json)
        return 1
    except Exception as error:
        if sys.flags.dev_mode:
            raise
        _tell(EdgeRouterError(_unexpected(error)), as_json=as_json)
        return 1


def _tell(error: EdgeRouterError, *, as_json: bool) -> None:
    from .printing import error_json, print_error, print_json

    if as_json:
        with contextlib.suppress(OSError):  # reported at the end
            print_json(error_json(error))
    print_error(error)


def _words(error: OSError) -> str:
    """What the system refused."""
    reason = error.strerror or str(error) or type(error).__name__
    if isinstance(error.filename, str | bytes):
        return f"{os.fsdecode(error.filename)!r}: {reason}"
    return f"{reason}; see standard output and the disk" if error.errno in WRITING else reason


def _unexpected(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "there is not enough memory"
    kind, message = type(error).__name__, " ".join(str(error).split())[:300]
    return (
        f"unexpected {kind}: {message or 'no message'}; please report it with what "
        "`python -X dev -m edge_router.cli` says"
    )


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    parser = OneLineParser(
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

        return int(export_main(arguments))
    except ModuleNotFoundError as error:
        raise MissingExtra(f"the export toolchain ({error.name})", "export") from error


def _bench(arguments: Sequence[str]) -> int:
    from edge_router.benchmarks.cli import main as bench_main

    return int(bench_main(arguments))


if __name__ == "__main__":
    sys.exit(main())
