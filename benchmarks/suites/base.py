"""The protocol that every suite follows, as the command line uses it."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import Protocol

from ..rows.row import Row

__all__ = ["Suite"]


class Suite(Protocol):
    """A benchmark suite. `summary` is its one line of help."""

    @property
    def name(self) -> str: ...

    @property
    def summary(self) -> str: ...

    def options(self, parser: argparse.ArgumentParser) -> None:
        """Add the suite's own options; all have `--artifact`, `--repetitions`, `--warm-up`."""
        ...

    def run(self, options: argparse.Namespace) -> Iterable[Row]:
        """Measure; yields each row when it is ready. A cell that fails is a row with its error."""
        ...
