"""Entry point of `edge-router` and `python -m edge_router.cli`; Ctrl-C during imports is quiet."""

from __future__ import annotations

import os
import signal
import sys

__all__ = ["main"]

INTERRUPTED = 130


def main() -> int:
    """Import and run the command; returns its exit code. A SIGINT that is ignored stays so."""
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        return _command()
    try:
        signal.signal(signal.SIGINT, lambda _number, _frame: os._exit(INTERRUPTED))
        from .main import main as command

        signal.signal(signal.SIGINT, signal.default_int_handler)
        return command()
    except KeyboardInterrupt:  # before the command guards itself, or after
        return INTERRUPTED


def _command() -> int:
    from .main import main as command

    return command()


if __name__ == "__main__":
    sys.exit(main())
