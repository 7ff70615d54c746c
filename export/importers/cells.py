"""One cell of a table, whatever wrote it: a CSV text, a JSON value, a pickled or parquet one."""

from __future__ import annotations

__all__ = ["is_blank", "number"]


def is_blank(cell: object) -> bool:
    """Nothing is known: an empty CSV cell or a null."""
    return cell is None or (isinstance(cell, str) and not cell.strip())


def number(cell: object) -> float | None:
    """The cell as a number, True and "true" as 1.0; None when it is not one.

    May be infinite or NaN, which are numbers too: whoever needs a finite one must say so.
    """
    word = cell.strip().lower() if isinstance(cell, str) else cell
    if word in ("true", "false"):
        return float(word == "true")
    try:
        return float(word) if isinstance(word, str | int | float) else None
    except (ValueError, OverflowError):
        return None
