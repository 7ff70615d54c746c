"""The program edge-router: runs one command, returns its exit code, prints errors in one line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from edge_router import __version__
from edge_router.errors import ConfigError, EdgeRouterError

from .exits import FAILED, exit_code_of
from .table import OneLineParser, add_commands
from .terminal import prepare, print_line, settled

__all__ = ["main", "program_parser"]

COMMANDS = {
    "init": ("machine.init", "write a first settings file from what this machine has"),
    "ask": ("answering.ask", "answer TEXT with the expert that suits it"),
    "chat": ("answering.chat", "hold a conversation; each turn is routed"),
    "route": ("answering.route", "decide which expert would answer; none is asked"),
    "calibrate": ("learning.calibrate", "make an operating point that keeps a target"),
    "enroll": ("learning.enroll", "teach the router a new expert, on this device"),
    "feedback": ("learning.feedback", "score how good an answer was (setting learn = true)"),
    "budget": ("machine.budget", "show what of the budget is spent, or forget it"),
    "cache": ("machine.cache", "show how many answers are kept, or forget them"),
    "agents": ("answering.agents", "choose the agent or tool that a request is for"),
    "log": ("learning.log", "show or export the outcomes kept here (setting learn = true)"),
    "report": ("learning.report", "make a page: where queries went, what routing saved"),
    "replay": ("learning.replay", "decide logged queries again under other settings"),
    "drift": ("learning.drift", "test whether queries look like those the router knows"),
    "device": ("machine.device", "show this machine; measure how fast local experts are"),
    "config": ("machine.config", "show or edit the settings; where they are read from"),
    "doctor": ("machine.doctor", "check this installation; --ask calls each expert once"),
    "models": ("machine.models", "list routers, profiles, enrolled and local models"),
    "privacy": ("machine.privacy", "show what is private in a text, and who would read it"),
    "ps": ("machine.processes", "list the models that your servers keep loaded"),
    "stop": ("machine.processes", "unload a model that a server of yours keeps loaded"),
    "completion": ("machine.manual", "print completions of commands for bash, zsh or fish"),
    "man": ("machine.manual", "print a manual page of all commands, for man"),
    "serve": ("machine.serve", "run an OpenAI-compatible server on this machine"),
    "tasks": ("answering.tasks", "name the task of a query, and ask the best expert of it"),
}
TOOLS = {"export": "edge_router.export", "bench": "edge_router.benchmarks"}
TOOLS_SUMMARIES = {
    "bench": "measure this installation (edge-router bench --help)",
    "export": "make routers from outcome data (edge-router export --help)",
}
ABOUT_ALL = ("completion", "man")  # commands for which every other one is imported


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0, 1 for an error of ours, 2 for wrong usage, 130 for
    Ctrl-C, 143 for SIGTERM. Without `argv` it owns the process: its streams and its signals."""
    if argv is not None:
        return _run(list(argv))
    fault = prepare()
    if fault is not None:
        print_line(f"edge-router: {fault}")
        return settled(FAILED)
    try:
        return settled(_run(sys.argv[1:]))
    except SystemExit as ended:
        return settled(ended.code if isinstance(ended.code, int) else FAILED)


def _run(arguments: list[str]) -> int:
    name = arguments[0] if arguments else ""
    if name in TOOLS:
        return exit_code_of(lambda: _tool(name, arguments[1:]))
    report = _print_json if "--json" in arguments else None
    return exit_code_of(lambda: _command(arguments), report=report)


def _tool(name: str, arguments: Sequence[str]) -> int:
    """Run a command of the toolchain, which is imported on use, as the module of a command is."""
    try:
        tool = import_module(f"{TOOLS[name]}.cli")
    except ModuleNotFoundError as error:
        if error.name != TOOLS[name]:
            raise
        raise ConfigError(
            f"edge-router {name} is not in this packed application; run it where "
            "`pip install edge-router` was run"
        ) from None
    return int(tool.main(arguments))


def _command(arguments: Sequence[str]) -> int | None:
    options = _parser(arguments).parse_args(arguments)
    code: int | None = options.run(options)
    return code


def _print_json(error: EdgeRouterError) -> None:
    from .printing import error_json, print_json

    print_json(error_json(error))


def program_parser() -> argparse.ArgumentParser:
    """The parser of the program with all commands but those of its tools."""
    return _parser(ABOUT_ALL)


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="edge-router",
        description="Decide on this device which expert answers a query, then ask it.",
    )
    parser.add_argument("--version", action="version", version=f"edge-router {__version__}")
    package = f"{__package__}.commands"
    whole = bool(arguments) and arguments[0] in ABOUT_ALL
    commands = add_commands(parser, COMMANDS, package=package, arguments=arguments, whole=whole)
    for name, summary in TOOLS_SUMMARIES.items():
        commands.add_parser(name, help=summary, description=summary)
    parser.set_defaults(parser=parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
