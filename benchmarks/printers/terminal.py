"""Output of the benchmarks: rows on standard output, progress on standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from edge_router.guards.data_folder import write_atomically

from ..rows.row import Row
from . import PRINTERS

__all__ = ["print_rows", "print_text", "progress", "progress_of"]


def progress(line: str) -> None:
    """Print one line on standard error."""
    print(line, file=sys.stderr, flush=True)


def progress_of(row: Row) -> None:
    """Print a line about a row as it arrives."""
    from .words import brief

    progress(f"  {brief(row)}")


def print_text(text: str) -> None:
    """Print a result on standard output."""
    print(text, end="" if text.endswith("\n") else "\n", flush=True)


def print_rows(rows: Iterable[Row], form: str, out: Path | None) -> None:
    """Write rows in one of the formats, to a file or standard output; rows that the file does not
    take, after all the measuring, are printed before its OSError is raised."""
    writer: Mapping[str, Callable[[list[Row]], str]] = PRINTERS
    text = writer[form](list(rows))
    if out is None:
        print_text(text)
        return
    try:
        if out.exists() and not out.is_file():  # a pipe or a device
            out.write_text(text, encoding="utf-8")
        else:
            write_atomically(out, text)
    except OSError as error:
        print_text(text)
        error.filename = str(out)
        raise
