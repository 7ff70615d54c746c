"""A line on standard error while a model loads; on a terminal only, and gone with its end."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from ..terminal import visible

__all__ = ["waiting_line"]

FIRST_S, EACH_S = 0.3, 0.1  # a model that loads faster is no news
START, CLEAR = "\r", "\r\x1b[K"


@contextmanager
def waiting_line(words: Callable[[], str]) -> Iterator[Callable[[], None]]:
    """Show `words()` with the seconds so far, while they are not empty, until the block ends or
    what it is given is called."""
    ended = threading.Event()
    thread = None

    def end() -> None:
        ended.set()
        if thread is not None:
            thread.join()

    if sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        thread = threading.Thread(
            target=_show, args=(words, ended), name="waiting line", daemon=True
        )
        thread.start()
    try:
        yield end
    finally:
        end()


def _show(words: Callable[[], str], ended: threading.Event) -> None:
    started, shown = time.monotonic(), False
    wait = FIRST_S
    with suppress(OSError, ValueError):  # a terminal that has gone
        while not ended.wait(wait):
            wait, line = EACH_S, visible(words())
            if line:
                seconds = time.monotonic() - started
                _write(f"{CLEAR}{line}, {seconds:.0f} s")
            elif shown:
                _write(CLEAR)
            shown = bool(line)
        if shown:
            _write(CLEAR)


def _write(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
