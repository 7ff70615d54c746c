"""Printing for all commands: answers and JSON on stdout, lines about them on stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from edge_router.errors import EdgeRouterError
from edge_router.guards.redaction import without_secrets
from edge_router.guards.stored_json import rounded

from .talking.waiting_line import waiting_line
from .terminal import print_line, visible

if TYPE_CHECKING:
    from edge_router.client.answer import AnswerStream
    from edge_router.routing.deciding.decision import Decision
    from edge_router.routing.record import AnswerRecord

__all__ = [
    "decision_json",
    "decision_line",
    "error_json",
    "print_dim",
    "print_error",
    "print_json",
    "print_stream",
    "record_json",
]


def print_stream(stream: AnswerStream, waits_for: Callable[[], str] = str) -> str:
    """Print an answer as it comes, then the line about it; returns the answer. `waits_for` says
    what its first piece waits for, "" for nothing to tell."""
    pieces = []
    try:
        with waiting_line(waits_for) as arrived:
            for chunk in stream:
                arrived()
                print(chunk.delta, end="", flush=True)
                pieces.append(chunk.delta)
    finally:
        stream.close()
        print(flush=True)
    if stream.record is not None:
        print_dim(_record_line(stream.record))
    return "".join(pieces)


def print_json(value: Any) -> None:
    """Print one line of ASCII, which survives any encoding of the output."""
    print(json.dumps(value))


def error_json(error: EdgeRouterError) -> dict[str, Any]:
    """What `--json` prints instead of a result."""
    return {"error": {"type": type(error).__name__, "message": without_secrets(str(error))}}


def decision_json(decision: Decision) -> dict[str, Any]:
    """A decision for machines."""
    fields: dict[str, Any] = rounded(decision.to_json())
    return fields


def record_json(record: AnswerRecord) -> dict[str, Any]:
    """The record of one answered query, for machines."""
    fields: dict[str, Any] = rounded(record.to_json())
    return fields


def _record_line(record: AnswerRecord) -> str:
    line = decision_line(record.decision, record.words, record.router_s)
    return f"{record.answered_by} answered · {record.reason}: {line}"


def decision_line(decision: Decision, words: str, router_s: float) -> str:
    """A decision for people."""
    estimates = []
    for name, estimate in decision.estimates.items():
        reason = decision.excluded.get(name)
        out = f" ({reason.replace('_', ' ')})" if reason else ""
        estimates.append(f"{name} {estimate.quality:.0%}{out}")
    quality = ", ".join(estimates)
    return f"{words} · quality {quality} · router {router_s * 1e3:.1f} ms"


def print_dim(line: str) -> None:
    """Print a line about the answer, grey on a terminal with colours."""
    line = visible(line)
    colour = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    print_line(f"\x1b[2m{line}\x1b[0m" if colour else line)


def print_error(error: EdgeRouterError) -> None:
    """Print one line on standard error."""
    print_line(f"edge-router: {visible(' '.join(without_secrets(str(error)).split()))}")
