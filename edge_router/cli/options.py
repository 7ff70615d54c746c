"""The options that every command has, and what they become."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from edge_router.errors import ConfigError, InvalidRequest
from edge_router.guards.user_files import text_of_bytes

from .table import parser_of

if TYPE_CHECKING:
    from edge_router.chat.completion import ChatRequest
    from edge_router.settings.config import Config

__all__ = ["add_command", "as_typed", "config_of", "count_of", "request_of", "text_of"]

LONGEST_BYTES = 64 << 20  # of standard input

OVERRIDES = (
    "artifact",
    "operating_point",
    "min_gain",
    "preference",
    "placement",
    "max_cost_usd",
    "deadline_s",
)


def add_command(
    commands: Any, name: str, run: Callable[[argparse.Namespace], int | None], told: str = ""
) -> argparse.ArgumentParser:
    """The parser of one command, with the options of all; `run` gives the exit code, None for 0.

    `told` is what the command does, where no table of commands tells.
    """
    parser = parser_of(commands, name, run, told)
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    parser.add_argument("--config", metavar="FILE", help="settings, TOML")
    parser.add_argument("--artifact", help="a shipped router's name or a directory")
    parser.add_argument(
        "--operating-point", help="economy, balanced, quality, or one made by calibrate"
    )
    parser.add_argument("--min-gain", help="least gain in quality worth a dearer expert, 0..1")
    parser.add_argument(
        "--preference",
        metavar="RULE",
        help="performance, cost, cost<=USD, auto, or quality=W,cost=W,latency=W",
    )
    parser.add_argument(
        "--placement",
        help="only_on_device, prefer_on_device, prefer_in_cloud or only_in_cloud",
    )
    parser.add_argument("--offline", action="store_true", help="use no network")
    parser.add_argument("--max-cost-usd", help="dollars one answer may cost")
    parser.add_argument("--deadline-s", help="seconds one answer may take, fallbacks included")
    return parser


def config_of(options: argparse.Namespace) -> Config:
    """The settings, with what was given on the command line."""
    from edge_router.settings.config import Config

    stated = {key: getattr(options, key) for key in OVERRIDES}
    changes = {key: value for key, value in stated.items() if value is not None}
    if options.offline:
        changes["offline"] = True
    return Config.load(options.config, **changes)


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


def as_typed(text: str) -> str:
    """A text of the terminal that Python could not decode in its locale, if it is UTF-8."""
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


def request_of(text: str, max_tokens: int | None) -> ChatRequest:
    """One turn of the user."""
    from edge_router.chat.completion import DEFAULT_MAX_TOKENS, ChatRequest
    from edge_router.chat.conversation import Message

    limit = DEFAULT_MAX_TOKENS if max_tokens is None else max_tokens
    return ChatRequest((Message("user", text),), max_tokens=limit)
