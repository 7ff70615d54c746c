"""edge-router chat: a conversation, each turn routed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from edge_router.errors import EdgeRouterError

from ...options import add_command, as_typed, config_of, request_of
from ...printing import print_dim, print_error, print_stream

if TYPE_CHECKING:
    from edge_router.chat.message import Message
    from edge_router.client.sync_client import EdgeRouter
    from edge_router.layers.privacy.gate import ConsentQuestion

__all__ = ["Asked", "add"]


def add(commands: Any) -> None:
    """Register the command."""
    chat = add_command(commands, "chat", _chat)
    chat.add_argument("--max-tokens", type=int, default=None, help="length limit of an answer")


def _chat(options: argparse.Namespace) -> None:
    from edge_router.chat.message import Message
    from edge_router.client.sync_client import EdgeRouter

    limit = request_of("Hello", options.max_tokens).max_tokens
    history: tuple[Message, ...] = ()
    consent = Asked() if sys.stdin is not None and sys.stdin.isatty() else None
    with EdgeRouter(config_of(options), consent=consent) as router:
        for line in _typed_lines():
            answer = _turn(router, history, line, limit)
            if answer is not None:
                said = (Message("user", line), Message("assistant", answer))
                history = (*history, *said)


def _turn(
    router: EdgeRouter, history: tuple[Message, ...], line: str, max_tokens: int
) -> str | None:
    """One answer; None if it failed or was cancelled, which leaves the history unchanged."""
    from edge_router.chat.message import Message
    from edge_router.chat.request import ChatRequest

    try:
        turns = (*history, Message("user", line))
        return print_stream(router.stream(ChatRequest(turns, max_tokens=max_tokens)))
    except KeyboardInterrupt:
        print_dim("cancelled")
    except EdgeRouterError as error:
        print_error(error)
    return None


class Asked:
    """Asks on the terminal whether an expert may read private data; what was refused once stays
    refused."""

    def __init__(self) -> None:
        self._refused: set[tuple[str, str, str]] = set()

    def __call__(self, question: ConsentQuestion) -> bool:
        asked = {(question.expert, *one) for one in question.values}
        if asked & self._refused:
            return False
        for kind, value in question.values:
            print_dim(f"{question.expert} ({question.location}) would read {kind.words}: {value}")
        print_dim("may it? Another expert answers otherwise. [y/N]")
        if input().strip().lower() in ("y", "yes"):
            return True
        self._refused |= asked
        return False


def _typed_lines() -> Iterator[str]:
    """Lines typed by the user, without empty ones, until end of input."""
    mark = "\ufeff"  # what a pipe of PowerShell begins with
    while True:
        try:
            line = as_typed(input("> " if sys.stdin.isatty() else ""))
        except EOFError:
            return
        line, mark = line.removeprefix(mark), ""
        if line.strip():
            yield line
