"""edge-router completion and man: all commands and options, for a shell and for man."""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ...table import parser_of

if TYPE_CHECKING:
    from ...manual.commands import Command

__all__ = ["add"]

TOOLS = ("bench", "export")


def add(commands: Any) -> None:
    """Register both commands."""
    completion = parser_of(commands, "completion", _completion)
    completion.add_argument("shell", choices=("bash", "zsh", "fish"), help="whose script to print")
    parser_of(commands, "man", _man)


def _completion(options: argparse.Namespace) -> None:
    from ...manual.completion import SHELLS

    print(SHELLS[options.shell](_all_commands(options.parser)), end="")


def _man(options: argparse.Namespace) -> None:
    from edge_router import __version__

    from ...manual.man_page import man_page

    print(man_page(_all_commands(options.parser), __version__), end="")


def _all_commands(parser: argparse.ArgumentParser) -> list[Command]:
    """The commands of the program, and those of its tools as far as they are installed."""
    from ...manual.commands import commands_of

    commands = [one for one in commands_of(parser) if one.words[1:] not in [(t,) for t in TOOLS]]
    for name in ("edge_router.benchmarks.cli", "edge_router.export.cli"):
        try:
            tool = import_module(name).whole_parser()
        except ModuleNotFoundError:  # not in this installation, or without what it needs
            continue
        commands += commands_of(tool)
    return commands
