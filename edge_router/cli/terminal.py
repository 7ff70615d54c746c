"""The process of a command: its three standard streams, its signals and its end."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import threading
from types import FrameType
from typing import Any, TextIO

__all__ = ["TERMINATED", "discard", "prepare", "print_line", "settled", "stdout_fault", "visible"]

TERMINATED = 128 + signal.SIGTERM
GRACE_S = 0.7  # for threads still at work when the process is asked to end


def prepare() -> str | None:
    """Prepare the process; returns what is wrong with standard output, None if it can be used.

    A character that a stream cannot encode is written as an escape: better than no answer.
    """
    closed = sys.stdout is None
    _open_missing()
    for stream in (sys.stdout, sys.stderr):
        _reconfigure(stream, errors="backslashreplace")
    _reconfigure(sys.stdin, errors="surrogateescape")  # so that one bad line is one bad line
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _terminate)
    return "standard output is closed; send it to a file or to /dev/null" if closed else None


def settled(code: int) -> int:
    """Flush the output and return the exit code; 1 if the output cannot be written."""
    if sys.stdout is not None and (fault := stdout_fault()) is not None:
        discard(sys.stdout)
        code = code or int(fault != "")
        if fault:
            print_line(f"edge-router: {fault}")
    try:
        sys.stderr.flush()
    except (OSError, ValueError):
        discard(sys.stderr)
    if code in (130, TERMINATED):  # a second signal during the last steps is no new event
        with contextlib.suppress(ValueError):
            signal.signal(signal.SIGINT, signal.SIG_DFL)
    return code


def stdout_fault() -> str | None:
    """Why standard output cannot be written: "" if its reader is gone, None if it can."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        return ""
    except OSError as error:
        return f"standard output cannot be written: {error.strerror or error}"
    except ValueError:  # closed
        return ""
    return None


def discard(stream: TextIO | None) -> None:
    """Drop the buffer of a stream, which would fail again at exit."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())  # type: ignore[union-attr]
        os.close(nowhere)
        stream.flush()  # type: ignore[union-attr]


def print_line(line: str) -> None:
    """Print on standard error, if that can be written."""
    with contextlib.suppress(OSError, ValueError):
        print(line, file=sys.stderr, flush=True)  # noqa: T201


def visible(text: str) -> str:
    """The text with escapes for characters that move a terminal's cursor or change its colour."""
    if text.replace("\n", "").isprintable():
        return text
    return "".join(one if one.isprintable() or one == "\n" else _escaped(one) for one in text)


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")


def _open_missing() -> None:
    """Open closed streams to nowhere. Else their number goes to the next opened file, and what a
    library writes to standard error ends up in that file."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123


def _reconfigure(stream: Any, **settings: str) -> None:
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(**settings)  # type: ignore[arg-type]


def _terminate(_number: int, _frame: FrameType | None) -> None:
    """End in order, and within a second: a thread may be in the middle of a long step."""
    watchdog = threading.Timer(GRACE_S, os._exit, (TERMINATED,))
    watchdog.daemon = True
    watchdog.start()
    raise SystemExit(TERMINATED)
