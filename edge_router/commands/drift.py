"""edge-router drift: whether the queries of a file look like those the router knows."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError, InvalidRequest
from .printing import print_json, rounded
from .route import lines_of, prompt_of
from .settings import add_command, config_of

if TYPE_CHECKING:
    from ..drift import DriftMonitor, DriftVerdict
    from ..router import Router

__all__ = ["add"]


def add(commands: Any) -> None:
    """Register the command."""
    drift = add_command(
        commands, "drift", _drift, "whether queries look like those the router knows"
    )
    drift.add_argument(
        "file", metavar="FILE", help="JSON lines with query or messages; - for standard input"
    )
    drift.add_argument(
        "--false-alarms",
        type=float,
        default=0.01,
        metavar="RATE",
        help="chance that 200 queries like the known ones alarm, 0.001..0.5 (default 0.01)",
    )


def _drift(options: argparse.Namespace) -> None:
    from ..drift import DriftMonitor, DriftReference
    from ..router import Router

    router = Router.from_config(config_of(options))
    reference = DriftReference.of(router.artifact)
    monitor = DriftMonitor(reference, false_alarms=options.false_alarms)
    stretches = _stretches(router, monitor, lines_of(options.file, "the file"))
    if options.json:
        told = [rounded(asdict(found)) | {"words": found.words} for found in stretches]
        print_json({"alarm": any(found.alarm for found in stretches), "stretches": told})
        return
    for number, found in enumerate(stretches, 1):
        print(f"{number}: {found.words}" if len(stretches) > 1 else found.words)


def _stretches(router: Router, monitor: DriftMonitor, lines: list[bytes]) -> list[DriftVerdict]:
    """The last look at each stretch; what comes after a file's last look is not judged. Raises
    ConfigError for too few lines, InvalidRequest with the line's number."""
    from ..drift import LOOKS

    if len(lines) < LOOKS[0]:
        raise ConfigError(f"{len(lines)} queries are too few to tell; give {LOOKS[0]} or more")
    found = {}
    for number, line in enumerate(lines):
        if _add(router, monitor, number + 1, line):
            found[number // LOOKS[-1]] = monitor.verdict()
    return list(found.values())


def _add(router: Router, monitor: DriftMonitor, number: int, line: bytes) -> bool:
    from ..chat import ChatRequest

    try:
        request = ChatRequest.of(prompt_of(line))
    except InvalidRequest as error:
        raise InvalidRequest(f"line {number}: {error}") from None
    last = next(m for m in reversed(request.messages) if m.role == "user" and m.content.strip())
    return monitor.add(router.represent(request), characters=len(last.content))
