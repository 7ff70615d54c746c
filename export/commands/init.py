"""edge-router export init: a folder for a router of one's own, from a table of scores."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_router.cli.table import parser_of

if TYPE_CHECKING:
    from ..pipeline.own_table import OwnTable

__all__ = ["TABLE_WORDS", "add", "add_table_options", "say"]

TABLE_WORDS = """A CSV begins with query,small,big and goes on with lines such as
"What is 7 times 8?",1,1 (scores from 0 to 1, an empty cell where none is known)."""


def add(commands: Any) -> None:
    """Register the command."""
    command = parser_of(commands, "init", _init)
    command.add_argument("table", type=Path, help="a CSV or JSON lines of queries and scores")
    command.add_argument("--out", type=Path, help="the folder (default: named after the table)")
    command.add_argument("--force", action="store_true", help="replace a recipe that is there")
    add_table_options(command)
    command.epilog = TABLE_WORDS


def add_table_options(command: argparse.ArgumentParser) -> None:
    """Register --weak and --strong, the two experts of a table that a router chooses between."""
    command.add_argument(
        "--weak", metavar="NAME", help="the cheaper expert (default: the lowest mean score)"
    )
    command.add_argument(
        "--strong", metavar="NAME", help="the dearer expert (default: the highest mean score)"
    )


def _init(options: argparse.Namespace) -> None:
    from ..pipeline.own_table import OwnTable

    table = OwnTable.read(options.table, weak=options.weak, strong=options.strong)
    folder = options.out or Path(table.name)
    table.write(folder, replace=options.force)
    say(table, folder)


def say(table: OwnTable, folder: Path) -> None:
    """Print what was read and written, and the commands that come next."""
    print("\n".join([*table.summary(), f"wrote {folder}; next:", *table.next_steps(folder)]))
