"""Options shared by all commands, and the settings and requests made from them."""

from __future__ import annotations

import argparse
import contextlib
import os
import stat
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import Field
from typing import TYPE_CHECKING, Any

from edge_router.errors import ConfigError, InvalidRequest
from edge_router.guards.user_files import text_of_bytes

from .table import parser_of

if TYPE_CHECKING:
    from edge_router.chat.request import ChatRequest
    from edge_router.settings.config import Config
    from edge_router.settings.constraints import Constraints

__all__ = [
    "LOG_HELP",
    "add_caller",
    "add_command",
    "add_continue",
    "as_typed",
    "config_of",
    "count_of",
    "limits_of",
    "query_of",
    "request_of",
    "text_of",
    "words_of",
]

LONGEST_BYTES = 64 << 20  # of standard input
LOG_HELP = "a log: SQLite, or JSON lines in FILE.jsonl (default: the one of this device)"


def add_command(
    commands: Any,
    name: str,
    run: Callable[[argparse.Namespace], int | None],
    summary: str = "",
    *,
    settings: bool | Collection[str] = True,
    json: bool = True,
) -> argparse.ArgumentParser:
    """The parser of one command with the shared options; `run` returns the exit code, None for 0.

    `summary` says what the command does, if no table does. It has an option for each of the
    `settings` that change what it does: all of them, none, or those that are named; with `json` it
    has the option --json, too.
    """
    parser = parser_of(commands, name, run, summary)
    if json:
        parser.add_argument("--json", action="store_true", help="print JSON for machines")
    parser.add_argument("--config", metavar="FILE", help="settings, TOML")
    group = parser.add_argument_group("settings, in place of those of the file")
    for one in _settings_with_option():
        if settings is True or (settings is not False and one.name in settings):
            _add_setting(group, one)
    return parser


def _add_setting(group: Any, one: Field[Any]) -> None:
    option, words = f"--{one.name.replace('_', '-')}", one.metadata["help"]
    if one.default is False:
        group.add_argument(option, action="store_true", default=None, help=words)
        return
    words += "" if one.default is None else f" (default: {one.default})"
    group.add_argument(option, metavar=one.metadata["metavar"], help=words)


def add_caller(parser: argparse.ArgumentParser) -> None:
    """Register --caller, which `limits_of` reads."""
    parser.add_argument(
        "--caller", metavar="NAME", help="whose budget pays, a name under [budget.callers]"
    )


def add_continue(parser: argparse.ArgumentParser) -> None:
    """Register --continue, as `goes_on`."""
    parser.add_argument(
        "-c", "--continue", action="store_true", dest="goes_on",
        help="go on with the last conversation, which stays where it had to stay",
    )  # fmt: skip


def limits_of(options: argparse.Namespace) -> Constraints | None:
    """The limits of a query by --caller; None without it. Raises ConfigError."""
    from edge_router.settings.constraints import Constraints

    return None if options.caller is None else Constraints(caller=as_typed(options.caller))


def config_of(options: argparse.Namespace) -> Config:
    """The settings, overridden by the command line."""
    from edge_router.settings.config import Config

    stated = {one.name: getattr(options, one.name, None) for one in _settings_with_option()}
    changes = {name: value for name, value in stated.items() if value is not None}
    return Config.load(options.config, **changes)


def _settings_with_option() -> list[Field[Any]]:
    from edge_router.settings.config import Config
    from edge_router.settings.setting import settings_of

    return [one for one in settings_of(Config) if one.metadata["option"]]


def text_of(given: str) -> str:
    """A text from the command line; "-" is standard input. Raises InvalidRequest."""
    if given != "-":
        return as_typed(given)
    content = sys.stdin.buffer.read(LONGEST_BYTES + 1)
    if len(content) > LONGEST_BYTES:
        raise InvalidRequest(f"standard input is longer than {LONGEST_BYTES:,} bytes")
    try:
        return text_of_bytes(content)
    except ValueError as error:
        raise InvalidRequest(f"standard input is not UTF-8: {error}") from None


def words_of(words: Sequence[str]) -> str:
    """A text given as words; "-" alone is standard input, which nothing else reads. Raises
    ConfigError for none."""
    if not words:
        raise ConfigError("give a query: words, or - for standard input")
    return text_of("-") if list(words) == ["-"] else " ".join(map(as_typed, words))


def query_of(words: Sequence[str]) -> str:
    """The query of a command line: what is piped in or read from a file, then its words; "-" alone
    is standard input. Raises InvalidRequest for none."""
    if list(words) == ["-"]:
        return text_of("-")
    said = " ".join(map(as_typed, words))
    piped = text_of("-").rstrip() if _gives_a_text() else ""
    query = f"{piped}\n\n{said}" if piped and said else piped or said
    if not query.strip():
        raise InvalidRequest("give a query: words, or a text on standard input")
    return query


def _gives_a_text() -> bool:
    """Whether standard input is a pipe, or a file from its beginning: of one that a loop of the
    shell reads line by line, the rest belongs to the loop."""
    try:
        number = sys.stdin.fileno()
        mode = os.fstat(number).st_mode
        return stat.S_ISFIFO(mode) or (stat.S_ISREG(mode) and not os.lseek(number, 0, os.SEEK_CUR))
    except (AttributeError, OSError, ValueError):  # none, closed, or replaced by a program
        return False


def as_typed(text: str) -> str:
    """The text of an argument that Python could not decode in its locale, if it is UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        with contextlib.suppress(UnicodeError):
            return os.fsencode(text).decode()
    return text


def count_of(given: int, option: str, *, most: int) -> int:
    """A whole number from 1 to `most`. Raises ConfigError that names the option."""
    if not 1 <= given <= most:
        raise ConfigError(f"{option} {given} must be a whole number from 1 to {most}")
    return given


def request_of(text: str, max_tokens: int | None, *, system: str | None = None) -> ChatRequest:
    """A request with one message of the user, behind a `system` message if there is one."""
    from edge_router.chat.completion import DEFAULT_MAX_TOKENS, ChatRequest, Message

    limit = DEFAULT_MAX_TOKENS if max_tokens is None else max_tokens
    first = [] if system is None else [Message("system", as_typed(system))]
    return ChatRequest((*first, Message("user", text)), max_tokens=limit)
