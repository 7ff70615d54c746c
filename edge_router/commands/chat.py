"""edge-router chat: a conversation, each turn routed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..errors import EdgeRouterError
from .printing import print_dim, print_error, print_stream
from .settings import add_command, config_of

if TYPE_CHECKING:
    from ..chat import ChatRequest
    from ..client import EdgeRouter

__all__ = ["add"]


def add(commands: Any) -> None:
    """Register the command."""
    chat = add_command(commands, "chat", _chat)
    chat.add_argument("--max-tokens", type=int, default=None, help="length limit of an answer")


def _chat(options: argparse.Namespace) -> None:
    from ..chat import DEFAULT_MAX_TOKENS, ChatRequest, Message
    from ..client import EdgeRouter

    limit = options.max_tokens or DEFAULT_MAX_TOKENS
    history: tuple[Message, ...] = ()
    with EdgeRouter(config_of(options)) as router:
        for line in _typed_lines():
            turns = (*history, Message("user", line))
            answer = _turn(router, ChatRequest(turns, max_tokens=limit))
            if answer is not None:
                history = (*turns, Message("assistant", answer))


def _turn(router: EdgeRouter, request: ChatRequest) -> str | None:
    """One answer; None when it failed or was cancelled, and the history stays as it was."""
    try:
        return print_stream(router.stream(request))
    except KeyboardInterrupt:
        print_dim("cancelled")
    except EdgeRouterError as error:
        print_error(error)
    return None


def _typed_lines() -> Iterator[str]:
    """What the user types, without empty lines, until end of input."""
    while True:
        try:
            line = input("> " if sys.stdin.isatty() else "")
        except EOFError:
            return
        if line.strip():
            yield line
