"""Commands that are listed without their modules: only the wanted one is imported."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pytest

from edge_router.cli.table import add_commands, parser_of

TABLE = {
    "greet": ("words", "say hello"),
    "part": ("words", "say goodbye"),
    "fail": ("broken", "cannot even be imported"),
}
WORDS = """
from edge_router.cli.table import parser_of

def add(commands):
    for name, word in (("greet", "hello"), ("part", "goodbye")):
        parser_of(commands, name, lambda options, word=word: print(word, options.whom))
        commands.choices[name].add_argument("whom")
"""


@pytest.fixture(autouse=True)
def _modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package of two modules, one of which cannot be imported."""
    folder = tmp_path / "made_commands"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "words.py").write_text(WORDS)
    (folder / "broken.py").write_text("import no_such_package")
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.startswith("made_commands")]:
        monkeypatch.delitem(sys.modules, name)


def parse(*arguments: str) -> argparse.Namespace:
    """What a parser with TABLE makes of them."""
    parser = argparse.ArgumentParser(prog="made")
    parser.add_argument("--loud", action="store_true")
    add_commands(parser, TABLE, package="made_commands", arguments=arguments)
    return parser.parse_args(arguments)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("greet", "world"), "hello world\n"),
        (("--loud", "part", "greet"), "goodbye greet\n"),
        (("greet", "fail"), "hello fail\n"),
    ],
)
def test_the_first_word_names_the_command(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    """Options may stand before it; words after it are its own."""
    options = parse(*arguments)
    options.run(options)
    assert capsys.readouterr().out == said


def test_a_module_is_imported_only_where_it_is_wanted() -> None:
    """A broken module fails its own command only, with its own message."""
    parse("greet", "world")
    assert "made_commands.broken" not in sys.modules
    with pytest.raises(ModuleNotFoundError, match="no_such_package"):
        parse("fail")


def test_help_lists_every_command_and_imports_none(capsys: pytest.CaptureFixture[str]) -> None:
    """From the table alone."""
    with pytest.raises(SystemExit):
        parse("--help")
    out = capsys.readouterr().out
    assert all(name in out and message in out for name, (_, message) in TABLE.items())
    assert not any(name.startswith("made_commands") for name in sys.modules)


def test_an_unknown_command_lists_all_names(capsys: pytest.CaptureFixture[str]) -> None:
    """By argparse, with its exit code."""
    with pytest.raises(SystemExit, match="2"):
        parse("sing")
    assert "'greet'" in capsys.readouterr().err


def test_a_command_that_no_table_lists_is_added() -> None:
    """As the actions of a command are."""
    parser = argparse.ArgumentParser()
    actions = parser.add_subparsers()
    parser_of(actions, "show", lambda _: 7, "what is there")
    options = parser.parse_args(["show"])
    assert options.run(options) == 7
