"""The operating points of a recipe."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_router.export.data.rows import BadData
from edge_router.export.recipe import POINTS, SHIPPED, PointPlan, Recipe


def with_points(tmp_path: Path, points: str) -> Path:
    """The shipped recipe with a table of points."""
    path = tmp_path / "mine.toml"
    path.write_text(SHIPPED.read_text(encoding="utf-8") + points, encoding="utf-8")
    return path


def test_a_recipe_without_points_has_the_usual_ones() -> None:
    """Three prices."""
    assert Recipe.load(SHIPPED).points == POINTS


def test_a_recipe_may_state_points_of_its_own(tmp_path: Path) -> None:
    """They replace the usual ones."""
    path = with_points(tmp_path, "[points.thrifty]\nprice = 0.5\nleast_quality = 0.1\n")
    assert Recipe.load(path).points == {"thrifty": PointPlan(0.5, 0.1)}


def test_a_point_that_lacks_something_is_refused(tmp_path: Path) -> None:
    """By its name."""
    path = with_points(tmp_path, "[points.thrifty]\nprice = 0.5\n")
    with pytest.raises(BadData, match=r"\[points\.thrifty\] .* keys: least_quality"):
        Recipe.load(path)
