"""Calibration without the command: a pair and targets become a stored point with its plot."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_router.errors import ConfigError
from edge_router.learning.calibration.calibration import Calibration, point_name
from edge_router.learning.calibration.pair import Pair
from edge_router.learning.calibration.targets import parse_targets
from edge_router.routing.deciding.stored_points import StoredPoint
from edge_router.routing.router import Router


def test_targets_become_a_point_that_loads_again(tmp_path: Path) -> None:
    """On the outcomes that the artifact carries; the plot lies beside the point."""
    router, targets = Router.bundled(), parse_targets(["quality>=0.3"])
    pair = Pair.of(router, tmp_path, weak="135m", strong="frontier")
    calibration = Calibration.of(router, pair, targets, name="mine", command="make mine")
    path = calibration.write(tmp_path)
    assert path.with_suffix(".svg").read_text().startswith("<svg")
    assert StoredPoint.load(tmp_path, "mine") == calibration.point
    assert calibration.point.experts == pair.profiles
    assert calibration.point.price == calibration.promise.price
    with pytest.raises(ConfigError, match="balanced"):
        Calibration.of(router, pair, targets, name="balanced", command="make balanced")


def test_a_point_without_a_name_is_called_after_its_targets() -> None:
    """Costs by the thousand, as they are stated."""
    targets = parse_targets(["quality>=0.9", "cost<=2.00/1000"])
    assert point_name(targets) == "quality-0.9-cost-2"
