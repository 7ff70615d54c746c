"""edge-router drift: whether queries, logged or of a file, look like those the router knows."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_router.errors import ConfigError, InvalidRequest
from edge_router.guards.stored_json import rounded

from ...options import add_command, config_of
from ...printing import print_dim, print_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge_router.routing.artifact.representation import Representation
    from edge_router.routing.router import Router
    from edge_router.settings.config import Config

    Seen = tuple[Representation, int]  # and the characters of its last turn

__all__ = ["add"]


def add(commands: Any) -> None:
    """Register the command."""
    drift = add_command(
        commands,
        "drift",
        _drift,
        "whether queries look like those the router knows",
        settings=["artifact"],
    )
    drift.add_argument(
        "file",
        metavar="FILE",
        nargs="?",
        help="JSON lines with query or messages, or those of log show --json with prompts; - for "
        "standard input (default: the outcomes kept on this device)",
    )
    drift.add_argument(
        "--false-alarms",
        type=float,
        default=0.01,
        metavar="RATE",
        help="chance that 200 queries like the known ones alarm, 0.001..0.5",
    )


def _drift(options: argparse.Namespace) -> None:
    from edge_router.learning.drift.mmd_test import DriftReference
    from edge_router.learning.drift.monitor import DriftMonitor, verdicts
    from edge_router.routing.router import Router

    config = config_of(options)
    router = Router.from_config(config)
    queries = _logged(router, config) if options.file is None else _read(router, Path(options.file))
    reference = DriftReference.of(router.artifact)
    monitor = DriftMonitor(reference, false_alarms=options.false_alarms)
    stretches = verdicts(monitor, queries)
    if options.json:
        results = [rounded(asdict(verdict)) | {"words": verdict.words} for verdict in stretches]
        print_json({"alarm": any(verdict.alarm for verdict in stretches), "stretches": results})
        return
    for number, verdict in enumerate(stretches, 1):
        print(f"{number}: {verdict.words}" if len(stretches) > 1 else verdict.words)


def _read(router: Router, path: Path) -> Iterator[Seen]:
    """The queries of a file, STANDARD_INPUT included. Raises ConfigError, and InvalidRequest with
    the place of a malformed query."""
    from edge_router.chat.request import ChatRequest
    from edge_router.guards.json_lines import json_lines

    for where, value in json_lines(path, ConfigError):
        try:
            request = ChatRequest.of(_asked_in(value))
            turns = [m.text for m in request.messages if m.role == "user" and m.text.strip()]
            seen = router.represent(request), len((turns or [""])[-1])
        except (InvalidRequest, ValueError, TypeError, IndexError) as error:
            raise InvalidRequest(f"{where}: {error}") from None
        yield seen


def _asked_in(value: Any) -> Any:
    """The query of one line: `query`, `messages`, or the prompt of a row of `log show --json`."""
    given = value if isinstance(value, dict) else {}
    for key in ("query", "messages", "prompt"):
        if given.get(key) is not None:
            return given[key]
    if "answered_by" in given:
        raise InvalidRequest(
            "a row of the log without its prompt; run edge-router drift without FILE, which reads "
            "the log itself, or set learn_prompts = true to keep prompts from now on"
        )
    raise InvalidRequest('a line must be {"query": ...} or {"messages": [...]}')


def _logged(router: Router, config: Config) -> Iterator[Seen]:
    """The queries of the outcome log, as this router saw them. Raises LearningError."""
    from edge_router.learning.outcomes.log import FILE, OutcomeLog
    from edge_router.learning.outcomes.outcome import require_dim
    from edge_router.routing.artifact.representation import Representation

    rows = OutcomeLog(config.data_folder / FILE).rows()
    seen = [row for row in rows if row.artifact == router.artifact.hash]
    if len(seen) < len(rows):
        print_dim(f"left out: {len(rows) - len(seen)} answers that another router read")
    require_dim(seen, router.artifact.manifest.representation_dim)
    for row in seen:
        yield Representation(row.vector, row.log_tokens), row.characters
