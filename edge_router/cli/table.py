"""A table of commands: help lists all, only the running command's module is imported."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, NoReturn

from edge_router.guards.redaction import without_secrets

from .terminal import visible

__all__ = ["CommandTable", "OneLineParser", "add_commands", "parser_of"]

LONGEST_FAULT = 300  # characters: it may quote an argument of any length

CommandTable = Mapping[str, tuple[str, str]]
"""Name -> module in the package of the commands, and what the command does, in one line."""


class OneLineParser(argparse.ArgumentParser):
    """A parser, and its subparsers, that refuse wrong usage in one line; `--help` has the rest."""

    def error(self, message: str) -> NoReturn:
        line = visible(" ".join(without_secrets(message).split()))
        line = line if len(line) <= LONGEST_FAULT else f"{line[:LONGEST_FAULT]}..."
        self.exit(2, f"{self.prog}: {line} (see {self.prog} --help)\n")

    def _print_message(self, message: str, file: Any = None) -> None:
        """Raise OSError for help that cannot be written; argparse would ignore it."""
        if file is None or file is sys.stderr:
            super()._print_message(message, file)
        elif message:
            file.write(message)


def add_commands(
    parser: argparse.ArgumentParser, table: CommandTable, *, package: str, arguments: Sequence[str]
) -> Any:
    """Give `parser` every command of `table`, and options to the command in `arguments`.

    That command's module adds its options by `parser_of`. `parser` may have no option with a
    value: the first word that is no option names the command.
    """
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, (_, summary) in table.items():
        commands.add_parser(name, help=summary, description=summary)
    wanted = next((word for word in arguments if not word.startswith("-")), "")
    if wanted in table:
        module, _ = table[wanted]
        import_module(f"{package}.{module}").add(commands)
    return commands


def parser_of(
    commands: Any, name: str, run: Callable[[argparse.Namespace], int | None], summary: str = ""
) -> argparse.ArgumentParser:
    """The parser of a command run by `run`; `summary` says what it does, if no table does."""
    parser: argparse.ArgumentParser | None = commands.choices.get(name)
    parser = parser or commands.add_parser(name, help=summary, description=summary)
    parser.set_defaults(run=run)
    return parser
