"""edge-router calibrate --from-log: an operating point from the user's own scored answers."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING

from edge_router.errors import ConfigError

from ...printing import print_dim, print_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from edge_router.learning.outcomes.from_log import LogCalibration
    from edge_router.learning.outcomes.outcome import Outcome
    from edge_router.routing.deciding.stored_points import StoredPoint
    from edge_router.settings.config import Config

__all__ = ["NAME", "fleet_rows", "print_calibration", "share_of"]

NAME = "from-log"
TARGET = "quality>=0.95"
ELSEWHERE = ("outcomes", "tables", "confidence")


def share_of(options: argparse.Namespace) -> float:
    """The share of quality to keep. Raises ConfigError for options that do not apply to a log."""
    from edge_router.learning.calibration.targets import Quantity, parse_targets

    for option in ELSEWHERE:
        if getattr(options, option):
            raise ConfigError(f"--{option} does nothing with --from-log; leave one of them out")
    targets = parse_targets(options.target or [TARGET])
    if [target.quantity for target in targets] != [Quantity.QUALITY]:
        stated = ", ".join(map(str, targets))
        raise ConfigError(f"--from-log keeps a share of quality, such as {TARGET}, not {stated}")
    return targets[0].bound


def fleet_rows(path: Path, artifact: str) -> Iterator[Outcome]:
    """The outcomes of a merged table, all read by the router with this hash.

    Raises MissingExtra, LearningError.
    """
    from edge_router.learning.fleet.merged import MergedTable

    merged = MergedTable(path)
    merged.require_router(artifact)
    return merged.rows()


def print_calibration(
    calibration: LogCalibration, point: StoredPoint, path: Path, config: Config, *, as_json: bool
) -> None:
    """Print one sentence, and the rows that were left out."""
    if as_json:
        print_json(asdict(point) | {"path": str(path)})
        return
    print(point.promise)
    print(f'Use it with operating_point = "{point.name}".')
    for note in calibration.notes:
        print_dim(note)
    if config.deferral != "off":
        print_dim(
            f"deferral = {config.deferral!r} hands the worse local answers over, and they are left "
            "out: local scores are better here than without it"
        )
    print_dim(str(path))
