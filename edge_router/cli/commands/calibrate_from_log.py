"""edge-router calibrate --from-log: an operating point from the user's own scored answers."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from edge_router.errors import ConfigError

from ..printing import print_dim, print_json, rounded

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from edge_router.learning.outcomes.from_log import LogCalibration
    from edge_router.routing.deciding.stored_points import StoredPoint
    from edge_router.routing.experts.expert import Expert
    from edge_router.routing.router import Router
    from edge_router.settings.config import Config

__all__ = ["NAME", "calibrated", "log_point", "print_found", "share_of"]

NAME = "from-log"
TARGET = "quality>=0.95"
ELSEWHERE = ("outcomes", "tables", "confidence")


def share_of(options: argparse.Namespace) -> float:
    """The share of quality to keep. Raises ConfigError for options that need whole outcomes."""
    from edge_router.learning.calibration.targets import Quantity, parse_targets

    for option in ELSEWHERE:
        if getattr(options, option):
            raise ConfigError(f"--{option} does nothing with --from-log; leave one of them out")
    targets = parse_targets(options.target or [TARGET])
    if [target.quantity for target in targets] != [Quantity.QUALITY]:
        told = ", ".join(map(str, targets))
        raise ConfigError(f"--from-log keeps a share of quality, such as {TARGET}, not {told}")
    return targets[0].bound


def calibrated(
    router: Router, config: Config, pair: tuple[Expert, Expert], share: float
) -> LogCalibration:
    """What the log says. Raises TooFewOutcomes, LearningError."""
    from edge_router.learning.outcomes.from_log import LogCalibration
    from edge_router.learning.outcomes.log import FILE, OutcomeLog

    weak, strong = (expert.name for expert in pair)
    return LogCalibration.of(
        OutcomeLog(config.data_folder / FILE).rows(),
        router.experts,
        router.artifact.hash,
        weak=weak,
        strong=strong,
        share=share,
    )


def log_point(
    name: str,
    found: LogCalibration,
    router: Router,
    config: Config,
    *,
    target: str,
    min_gain: Mapping[str, float],
    command: str,
) -> StoredPoint:
    """The operating point to keep."""
    from edge_router.routing.deciding.operating_point import fingerprint
    from edge_router.routing.deciding.stored_points import StoredPoint, compared

    heads = {expert.name: fingerprint(expert.head) for expert in router.experts}
    return StoredPoint(
        name=name,
        promise=found.words,
        min_gain=min_gain,
        default=found.threshold.min_gain,
        targets=[target],
        confidence=0.95,
        evidence=_told(found),
        experts={e.name: e.profile for e in compared(router.artifact, config)},
        artifact={"name": router.artifact.manifest.name, "hash": router.artifact.hash},
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        command=command,
        corrections=found.corrections,
        heads={expert: heads[expert] for expert in found.corrections},
    )


def _told(found: LogCalibration) -> dict[str, Any]:
    told: dict[str, Any] = rounded(
        {
            "experts": {name: asdict(one) for name, one in found.recalibrations.items()},
            "threshold": asdict(found.threshold),
        }
    )
    return told | {
        "answers": found.answers,
        "left_out": {why.name.lower(): count for why, count in found.left_out.items()},
        "too_few": dict(found.too_few),
    }


def print_found(
    found: LogCalibration, point: StoredPoint, path: Path, config: Config, *, as_json: bool
) -> None:
    """One sentence; what did not count beside it."""
    if as_json:
        print_json(asdict(point) | {"path": str(path)})
        return
    print(point.promise)
    print(f'Use it with operating_point = "{point.name}".')
    for note in found.notes:
        print_dim(note)
    if config.deferral != "off":
        print_dim(
            f"deferral = {config.deferral!r} hands the worse local answers over, and they are left "
            "out: local scores are better here than without it"
        )
    print_dim(str(path))
