"""Queries whose outcomes an artifact knows: its dev split, as the encoder sees it.

A device calibrates, compares its own traffic and finds the nearest known query with them. Texts of
public tables are not in it, only those of questions that are ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from edge_router.errors import ArtifactCorrupt

from .array_file import read_arrays
from .file import read_regular

__all__ = ["KnownQueries"]

UNKNOWN = 255  # in the file, where a score is not known
STEPS = 250  # a score of 1 in the file; tenths and eighths are exact
MAX_BYTES = 64 * 2**20
LARGEST, MOST_CHARACTERS = 1e6, 10**9
KINDS = {  # of each array in the file: its kind of numbers or texts, and its dimensions
    "vectors": ("f", 2),
    "log_tokens": ("f", 1),
    "characters": ("i", 1),
    "tables": ("U", 1),
    "kinds": ("U", 1),
    "langs": ("U", 1),
    "texts": ("U", 1),
    "experts": ("U", 1),
    "scores": ("u", 2),
}


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
        """Read the file that `write` made. Raises ArtifactCorrupt."""
        return cls.of_content(read_regular(path, MAX_BYTES), str(path))

    @classmethod
    def of_content(cls, content: bytes, where: str) -> Self:
        """Parse the content of such a file; `where` names it in errors. Raises ArtifactCorrupt."""
        arrays = read_arrays(content, where, KINDS)
        _check(arrays, where)
        steps = arrays["scores"]
        arrays["scores"] = np.where(steps == UNKNOWN, np.nan, steps / np.float32(STEPS))
        return cls(**{name: _wide(array) for name, array in arrays.items()})

    def write(self, path: Path) -> None:
        """Write an npz file; vectors in half precision, scores in steps of 1/250."""
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
        scores = self.scores[:, np.isin(self.experts, list(experts))].astype(np.float64)
        count = (~np.isnan(scores)).sum(1)
        with np.errstate(invalid="ignore"):
            mean: npt.NDArray[np.float64] = np.nansum(scores, 1) / count
        return mean


def _check(arrays: Mapping[str, npt.NDArray[Any]], where: str) -> None:
    """Check that the arrays fit each other in shape and that their values are in range."""
    scores, characters = arrays["scores"], arrays["characters"]
    rows = len(scores)
    per_query = [name for name in KINDS if name not in ("experts", "scores")]
    for name in per_query:
        if len(arrays[name]) != rows:
            raise ArtifactCorrupt(f"{where}: {name} has {len(arrays[name])} rows, scores {rows}")
    if not rows or scores.shape[1] != len(arrays["experts"]):
        raise ArtifactCorrupt(
            f"{where}: scores are {scores.shape}, for {len(arrays['experts'])} experts"
        )
    for name in ("vectors", "log_tokens"):
        if not np.isfinite(arrays[name]).all() or float(np.abs(arrays[name]).max()) > LARGEST:
            raise ArtifactCorrupt(f"{where}: {name} holds a number beyond {LARGEST}")
    if scores.dtype.itemsize != 1 or ((scores > STEPS) & (scores != UNKNOWN)).any():
        raise ArtifactCorrupt(f"{where}: scores holds one that is not 0..{STEPS} or {UNKNOWN}")
    if characters.min() < 0 or characters.max() > MOST_CHARACTERS:
        raise ArtifactCorrupt(f"{where}: characters holds one not in 0..{MOST_CHARACTERS}")


def _wide(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return array.astype(np.float32) if array.dtype.kind == "f" else array
