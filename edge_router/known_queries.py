"""Queries whose outcomes an artifact knows: its dev split, as the encoder sees it.

A device calibrates, compares its own traffic and finds the nearest known query with them. Texts of
public tables are not in it, only those of questions that are ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from .errors import ArtifactCorrupt

__all__ = ["KnownQueries"]

UNKNOWN = 255  # in the file, where a score is not known
STEPS = 250  # a score of 1 in the file; tenths and eighths are exact


@dataclass(frozen=True, slots=True)
class KnownQueries:
    """`vectors` (queries, representation_dim) and `log_tokens` (queries,) by the artifact's own
    encoder; `characters` (queries,) before any cut; `tables`, `kinds`, `langs` and `texts`
    (queries,), a text empty where it is not ours; `scores` (queries, experts) in 0..1, NaN where
    not known, for `experts` (experts,) by name."""

    vectors: npt.NDArray[np.float32]
    log_tokens: npt.NDArray[np.float32]
    characters: npt.NDArray[np.int64]
    tables: npt.NDArray[np.str_]
    kinds: npt.NDArray[np.str_]
    langs: npt.NDArray[np.str_]
    texts: npt.NDArray[np.str_]
    experts: npt.NDArray[np.str_]
    scores: npt.NDArray[np.float32]

    @classmethod
    def read(cls, path: Path) -> Self:
        """From the file that `write` made. Raises ArtifactCorrupt."""
        try:
            with np.load(path, allow_pickle=False) as found:
                arrays = {field.name: found[field.name] for field in fields(cls)}
        except Exception as error:  # zipfile and numpy raise many kinds
            raise ArtifactCorrupt(f"{path} cannot be read: {error}") from error
        steps = arrays["scores"]
        arrays["scores"] = np.where(steps == UNKNOWN, np.nan, steps / np.float32(STEPS))
        return cls(**{name: _wide(array) for name, array in arrays.items()})

    def write(self, path: Path) -> None:
        """As an npz file; vectors in half precision, scores in steps of 1/250."""
        arrays: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        steps = np.where(np.isnan(self.scores), UNKNOWN, np.rint(self.scores * STEPS))
        arrays["scores"] = steps.astype(np.uint8)
        for name in ("vectors", "log_tokens"):
            arrays[name] = arrays[name].astype(np.float16)
        with path.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)

    def __len__(self) -> int:
        return len(self.vectors)

    def seen_on(self, kinds: int) -> list[str]:
        """The experts with known outcomes on at least `kinds` kinds of task."""
        known = ~np.isnan(self.scores)
        return [
            name
            for name, rows in zip(self.experts.tolist(), known.T, strict=True)
            if len(set(self.kinds[rows].tolist())) >= kinds
        ]

    def mean_score(self, experts: Sequence[str]) -> npt.NDArray[np.float64]:
        """Mean score (queries,) of those among `experts` that are known, NaN where none is."""
        found = self.scores[:, np.isin(self.experts, list(experts))].astype(np.float64)
        count = (~np.isnan(found)).sum(1)
        with np.errstate(invalid="ignore"):
            mean: npt.NDArray[np.float64] = np.nansum(found, 1) / count
        return mean


def _wide(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return array.astype(np.float32) if array.dtype.kind == "f" else array
