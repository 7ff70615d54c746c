"""A table of commands: help lists all, only the running command's module is imported."""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, NoReturn

from edge_router.guards.redaction import without_secrets

from .examples import EXAMPLES
from .terminal import visible

__all__ = ["CommandTable", "HelpLines", "OneLineParser", "add_commands", "parser_of"]

LONGEST_FAULT = 300  # characters: it may quote an argument of any length

CommandTable = Mapping[str, tuple[str, str]]
"""Name -> module in the package of the commands, and what the command does, in one line."""


class HelpLines(argparse.HelpFormatter):
    """Help with the defaults of options, and no line that ends within a word with a hyphen."""

    def _get_help_string(self, action: argparse.Action) -> str:
        words, default = action.help or "", action.default
        if default in (None, False, argparse.SUPPRESS) or "default" in words:
            return words
        if isinstance(default, list | tuple | dict) or not action.option_strings:
            return words
        return f"{words} (default: %(default)s)"

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(" ".join(text.split()), width, break_on_hyphens=False)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        lines = " ".join(text.split())
        return textwrap.fill(
            lines, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
        )


class OneLineParser(argparse.ArgumentParser):
    """A parser, and its subparsers, that refuse wrong usage in one line; `--help` has the rest, and
    an example."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **{"formatter_class": HelpLines, **settings})

    @property
    def example(self) -> str | None:
        """A line of a shell that shows its use."""
        return EXAMPLES.get(self.prog)

    def format_help(self) -> str:
        text = super().format_help()
        return text if self.example is None else f"{text}\nexample:\n  {self.example}\n"

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
    parser: argparse.ArgumentParser,
    table: CommandTable,
    *,
    package: str,
    arguments: Sequence[str],
    whole: bool = False,
) -> Any:
    """Give `parser` every command of `table`, and options to the command in `arguments`, or to all
    for a `whole` parser.

    That command's module adds its options by `parser_of`. `parser` may have no option with a
    value: the first word that is no option names the command.
    """
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, (_, summary) in table.items():
        commands.add_parser(name, help=summary, description=summary)
    wanted = next((word for word in arguments if not word.startswith("-")), "")
    names = table if whole else [wanted] if wanted in table else []
    for module in dict.fromkeys(table[name][0] for name in names):
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
