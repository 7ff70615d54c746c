"""List-valued options make a grid: `--tokens 8,32 --threads 1,2` gives four cells."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import TypeVar

__all__ = ["grid", "names", "numbers"]

T = TypeVar("T")


def numbers(text: str) -> tuple[int, ...]:
    """Parse an option: whole numbers of 1 or more, separated by commas."""
    try:
        values = tuple(int(part) for part in text.split(","))
    except ValueError:
        values = (0,)
    if min(values) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} must be numbers of 1 or more, as in 8,32,128")
    return values


def names(text: str) -> tuple[str, ...]:
    """Parse an option: names separated by commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def grid(axes: Mapping[str, Sequence[T]]) -> Iterator[dict[str, T]]:
    """All combinations of the axes; the last one varies fastest."""
    for values in product(*axes.values()):
        yield dict(zip(axes, values, strict=True))
