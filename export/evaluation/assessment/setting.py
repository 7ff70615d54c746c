"""What an assessment measures: an artifact, the rows, the prices of its points, the draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from edge_router.routing.artifact.manifest import RouterArtifact

from ...metrics.apgr import Counts, draw_counts
from ...recipe import SHIPPED, Recipe
from .split_rows import SplitRows
from .subject import Subject

__all__ = ["PRICES", "Setting"]

PRICES: Mapping[str, float] = {"economy": 0.35, "balanced": 0.2, "quality": 0.07}


@dataclass(frozen=True, slots=True)
class Setting:
    """`prices` are what a full expense must gain at each operating point, `evaluations` the budget
    of the attack's search, `pair_files` more pairs of an easy and a hard message."""

    subject: Subject
    rows: SplitRows
    recipe: Recipe
    work: Path
    pair_files: tuple[Path, ...] = ()
    prices: Mapping[str, float] = field(default_factory=lambda: PRICES)
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
        return cls(
            Subject.of(RouterArtifact.load(artifact), work),
            SplitRows(data, split, frozenset(unseen)),
            Recipe.load(recipe or SHIPPED),
            work,
            tuple(pair_files),
            evaluations=evaluations,
            seed=seed,
            repeats=repeats,
        )

    def counts(self, rows: int) -> Counts:
        """(repeats, rows) how often each row is drawn; the same for the same number of rows."""
        return draw_counts(rows, repeats=self.repeats, seed=self.seed)
