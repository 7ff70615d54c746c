"""Exit codes of the three command lines, and the printing of errors as one line."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Callable

from edge_router.errors import ConfigError, EdgeRouterError
from edge_router.guards.redaction import without_secrets

from .terminal import discard, print_line, stdout_fault

__all__ = ["FAILED", "INTERRUPTED", "INVALID", "WRONG_USAGE", "exit_code_of"]

FAILED = 1  # an error of ours, of the system or of the data
WRONG_USAGE = 2  # of the command line or of the settings
INVALID = 3  # bench: rows that must not be believed
INTERRUPTED = 130  # Ctrl-C

WRITING = (errno.ENOSPC, errno.EBADF, errno.EIO, errno.EFBIG)


def exit_code_of(
    run: Callable[[], int | None],
    *,
    program: str = "edge-router",
    report: Callable[[EdgeRouterError], None] | None = None,
) -> int:
    """The process boundary: runs a command, prints its exception as a line, returns the exit code.

    The line begins with `program`; `report` is called with the error before it is printed.
    """
    try:
        return run() or 0
    except EdgeRouterError as error:
        _print(error, program, report)
        return WRONG_USAGE if isinstance(error, ConfigError) else FAILED
    except KeyboardInterrupt as stopped:
        if str(stopped):
            print_line(f"{program}: {stopped}")
        elif sys.stderr.isatty():
            print_line("")
        return INTERRUPTED
    except BrokenPipeError:  # the reader has gone, as in `| head`
        discard(sys.stdout)
        return 0
    except OSError as error:
        if stdout_fault() is None:  # else the process ends with that line
            _print(EdgeRouterError(_words(error)), program, report)
        return FAILED
    except Exception as error:
        if sys.flags.dev_mode:
            raise
        _print(EdgeRouterError(_unexpected(error)), program, report)
        return FAILED


def _print(
    error: EdgeRouterError, program: str, report: Callable[[EdgeRouterError], None] | None
) -> None:
    if report is not None:
        with contextlib.suppress(OSError):  # the process ends with a line about it
            report(error)
    print_line(f"{program}: {' '.join(without_secrets(str(error)).split())}")


def _words(error: OSError) -> str:
    """The words of a system error."""
    words = error.strerror or str(error) or type(error).__name__
    if isinstance(error.filename, str | bytes):
        return f"{os.fsdecode(error.filename)!r}: {words}"
    return f"{words}; see standard output and the disk" if error.errno in WRITING else words


def _unexpected(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "there is not enough memory"
    kind, words = type(error).__name__, " ".join(str(error).split())[:300]
    return (
        f"unexpected {kind}: {words or 'no message'}; please report it with what "
        "`python -X dev -m edge_router.cli` says"
    )
