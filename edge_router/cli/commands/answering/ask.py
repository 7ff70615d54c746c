"""edge-router ask: one query, one answer."""

from __future__ import annotations

import argparse
from typing import Any

from ...consent import terminal_consent
from ...options import add_caller, add_command, config_of, limits_of, query_of, request_of
from ...printing import print_json, print_stream, record_json

__all__ = ["add"]


def add(commands: Any) -> None:
    """Register the command."""
    ask = add_command(commands, "ask", _ask)
    ask.add_argument(
        "text", nargs="*", help="the query; what is piped in, or read with <, comes before it"
    )
    ask.add_argument("--system", metavar="TEXT", help="what the expert is told before the query")
    ask.epilog = 'Example: cat notes.txt | edge-router ask "Three points, please."'
    ask.add_argument("--max-tokens", type=int, default=None, help="length limit of the answer")
    add_caller(ask)


def _ask(options: argparse.Namespace) -> None:
    from edge_router.client.sync_client import EdgeRouter

    request = request_of(query_of(options.text), options.max_tokens, system=options.system)
    limits = limits_of(options)
    with EdgeRouter(config_of(options), consent=terminal_consent()) as router:
        if options.json:
            answer = router.complete(request, constraints=limits)
            print_json(
                {"text": answer.text, "finish_reason": answer.finish_reason}
                | record_json(answer.record)
            )
            return
        print_stream(router.stream(request, constraints=limits))
