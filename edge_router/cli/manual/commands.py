"""The commands behind a parser with their options, read from argparse."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Command", "Option", "commands_of"]

FILES = ("FILE", "FOLDER", "OUT", "DATA", "DIR")


@dataclass(frozen=True, slots=True)
class Option:
    """An option or a positional argument: its `flags` (none for a positional one), the name of its
    value ("" for none), its help with the default, its choices, and whether it names a file."""

    flags: tuple[str, ...]
    value: str
    words: str
    choices: tuple[str, ...] = ()
    is_file: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """A command: the words that name it, what it does, how it is used, an example, and the commands
    below it, by name with what they do."""

    words: tuple[str, ...]
    summary: str
    usage: str
    epilog: str
    example: str | None
    options: tuple[Option, ...]
    below: tuple[tuple[str, str], ...]


def commands_of(parser: argparse.ArgumentParser) -> Iterator[Command]:
    """The command of a parser, then those of its subparsers in their order."""
    yield _command(parser)
    for action in parser._actions:  # noqa: SLF001 - argparse has no other way to list them
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for below in dict.fromkeys(action.choices.values()):
                yield from commands_of(below)


def _command(parser: argparse.ArgumentParser) -> Command:
    formatter = parser._get_formatter()  # noqa: SLF001 - it knows how defaults are shown
    options, below = [], []
    for action in parser._actions:  # noqa: SLF001
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            names = {one.dest: one.help or "" for one in action._choices_actions}  # noqa: SLF001
            below += list(names.items())
        elif action.help is not argparse.SUPPRESS:
            options.append(_option(action, formatter))
    usage = " ".join(parser.format_usage().removeprefix("usage:").split())
    return Command(
        tuple(parser.prog.split()), parser.description or "", usage, parser.epilog or "",
        getattr(parser, "example", None), tuple(options), tuple(below),
    )  # fmt: skip


def _option(action: argparse.Action, formatter: argparse.HelpFormatter) -> Option:
    takes_one = action.nargs != 0
    metavar = action.metavar if isinstance(action.metavar, str) else None
    choices = tuple(map(str, action.choices or ()))
    name = metavar or ("|".join(choices) if choices else action.dest.upper())
    value = name if takes_one else ""
    words = formatter._expand_help(action) if action.help else ""  # noqa: SLF001
    return Option(tuple(action.option_strings), value, words, choices, metavar in FILES)
