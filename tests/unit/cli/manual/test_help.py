"""The help of every command: what each option is for, its default, and an example."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator

import pytest

from edge_router.benchmarks.cli import whole_parser as bench_parser
from edge_router.cli.examples import EXAMPLES
from edge_router.cli.main import main, program_parser
from edge_router.export.cli import whole_parser as export_parser


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """A parser and all below it."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in dict.fromkeys(action.choices.values()):
                yield from parsers(below)


TOOLS = ("edge-router bench", "edge-router export")
ALL = {one.prog: one for one in parsers(program_parser()) if one.prog not in TOOLS}
ALL |= {one.prog: one for one in parsers(bench_parser())}
ALL |= {one.prog: one for one in parsers(export_parser())}


@pytest.mark.parametrize("name", ALL)
def test_every_help_explains_itself(name: str) -> None:
    """Each option and argument has words, a default is told, and the last line is an example."""
    parser = ALL[name]
    text = parser.format_help()
    assert text.rstrip().splitlines()[-1].strip() == EXAMPLES[name]
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            assert all(one.help for one in action._choices_actions), name
            continue
        assert action.help, (name, action.dest)
        if isinstance(action.default, str | int | float) and action.default not in (
            argparse.SUPPRESS,
            False,
        ):
            assert f"default: {action.default}" in " ".join(text.split()), (name, action.dest)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_of_its_command(name: str) -> None:
    """It begins with it, or uses it in a line; no command that has gone has one."""
    assert name in ALL
    steps = [step.strip() for part in EXAMPLES[name].split("&") for step in part.split(";")]
    assert any(step.startswith(name) for step in steps), EXAMPLES[name]
    shlex.split(EXAMPLES[name])


@pytest.mark.parametrize("command", ["feedback last 1", "log show", "budget show", "models", "ps"])
def test_options_stand_where_they_mean_something(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What decides nothing has no options for a decision."""
    with pytest.raises(SystemExit, match="2"):
        main([*command.split(), "--offline"])
    assert "unrecognized arguments: --offline" in capsys.readouterr().err


def test_words_of_commands_with_hyphens_are_not_cut() -> None:
    """edge-router at the end of a line of help stays whole."""
    for name, parser in ALL.items():
        assert not any(line.endswith("edge-") for line in parser.format_help().splitlines()), name
