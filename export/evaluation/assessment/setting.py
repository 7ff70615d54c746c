"""What an assessment measures: an artifact, the rows, the prices of its points, the draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from edge_router.routing.arrays import Float64s, Places
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.deciding.price import chosen

from ...metrics.apgr import Counts, draw_counts
from ...recipe import SHIPPED, Recipe
from .split_rows import SplitRows
from .subject import Subject

__all__ = ["POINTS", "PricePoint", "Setting"]


@dataclass(frozen=True, slots=True)
class PricePoint:
    """What a full expense must gain in quality, and the quality below which nobody is asked while
    another reaches it; both 0..1."""

    price: float
    least_quality: float = 0.0

    def chosen(self, quality: Float64s, expense: Float64s) -> Places:
        """The places (queries,) of the experts that the price rule chooses at this point."""
        return chosen(quality, expense, self.price, least_quality=self.least_quality)


POINTS: Mapping[str, PricePoint] = {
    "economy": PricePoint(0.35),
    "balanced": PricePoint(0.2),
    "quality": PricePoint(0.07),
}


@dataclass(frozen=True, slots=True)
class Setting:
    """`points` are the artifact's own operating points where it states prices, else POINTS;
    `evaluations` is the budget of the attack's search, `pair_files` hold more pairs of an easy and
    a hard message."""

    subject: Subject
    rows: SplitRows
    recipe: Recipe
    work: Path
    pair_files: tuple[Path, ...] = ()
    points: Mapping[str, PricePoint] = field(default_factory=lambda: POINTS)
    evaluations: int = 500
    seed: int = 0
    repeats: int = 1000

    @classmethod
    def of(
        cls,
        artifact: str,
        data: Path,
        *,
        split: str = "dev",
        work: Path,
        recipe: Path | None = None,
        unseen: Sequence[str] = (),
        pair_files: Sequence[Path] = (),
        evaluations: int = 500,
        seed: int = 0,
        repeats: int = 1000,
    ) -> Self:
        """Raises ArtifactError, BadData."""
        loaded = RouterArtifact.load(artifact)
        return cls(
            Subject.of(loaded, work),
            SplitRows(data, split, frozenset(unseen)),
            Recipe.load(recipe or SHIPPED),
            work,
            tuple(pair_files),
            points=_own_points(loaded) or POINTS,
            evaluations=evaluations,
            seed=seed,
            repeats=repeats,
        )

    def counts(self, rows: int) -> Counts:
        """(repeats, rows) how often each row is drawn; the same for the same number of rows."""
        return draw_counts(rows, repeats=self.repeats, seed=self.seed)


def _own_points(artifact: RouterArtifact) -> Mapping[str, PricePoint]:
    """The artifact's points; empty for one that was made before points were prices."""
    stored = artifact.calibration["operating_points"]
    return {
        name: PricePoint(float(point["price"]), float(point.get("least_quality", 0.0)))
        for name, point in stored.items()
        if "price" in point
    }
