"""edge-router ask: one query, one answer."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...consent import terminal_consent
from ...options import (
    add_caller,
    add_command,
    add_continue,
    as_typed,
    config_of,
    limits_of,
    query_of,
    request_of,
)
from ...printing import print_json, print_stream, record_json

if TYPE_CHECKING:
    from edge_router.chat.request import ChatRequest
    from edge_router.client.sync_client import EdgeRouter
    from edge_router.settings.constraints import Constraints

__all__ = ["add"]


def add(commands: Any) -> None:
    """Register the command."""
    ask = add_command(commands, "ask", _ask)
    ask.add_argument(
        "text", nargs="*", help="the query; what is piped in, or read with <, comes before it"
    )
    add_continue(ask)
    ask.add_argument("--system", metavar="TEXT", help="what the expert is told before the query")
    ask.add_argument("--max-tokens", type=int, default=None, help="length limit of the answer")
    ask.epilog = 'Words need no quotes; what a shell would read otherwise does: "What is 2*3?"'
    add_caller(ask)


def _ask(options: argparse.Namespace) -> None:
    from edge_router.chat.message import Message
    from edge_router.client.sync_client import EdgeRouter

    from ...talking.last_conversation import NOTHING_SAID, LastConversation

    asked = request_of(query_of(options.text), options.max_tokens)
    said, config = asked.messages[-1], config_of(options)
    last = LastConversation.of(config)
    before = last.read() if options.goes_on else NOTHING_SAID
    first = [Message("system", as_typed(options.system))] if options.system else []
    request = replace(asked, messages=(*first, *before.messages, said))
    limits = before.within(limits_of(options))
    with EdgeRouter(config, consent=terminal_consent()) as router:
        answer = _answered(router, request, limits, as_json=options.json)
        if answer.strip():
            last.keep(before.with_turns(said, answer, router.constraints()))


def _answered(
    router: EdgeRouter, request: ChatRequest, limits: Constraints | None, *, as_json: bool
) -> str:
    """Print the answer; returns it."""
    from ...talking.loading import loading_words

    if not as_json:
        return print_stream(router.stream(request, constraints=limits), loading_words(router))
    answer = router.complete(request, constraints=limits)
    print_json(
        {"text": answer.text, "finish_reason": answer.finish_reason} | record_json(answer.record)
    )
    return answer.text
