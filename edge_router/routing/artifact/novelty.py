"""Queries outside of what an artifact knows: their script, their length, their kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

import numpy as np

from edge_router.errors import ArtifactIncompatible

from ..arrays import Float32s, Places
from .known_queries import KnownQueries
from .manifest import RouterArtifact
from .representation import RoutedQuery
from .text import script_of_language

__all__ = ["Familiar", "Unfamiliar", "nearest", "unit_rows"]

BEYOND = 0.002  # of the known queries lie beyond each limit themselves
FEW = 0.01  # a script that fewer of the known queries are in is not known
BLOCK = 512  # rows whose distances are held at a time


class Unfamiliar(StrEnum):
    """Stable codes: in what way a query is outside."""

    SCRIPT = "script"
    LENGTH = "length"
    NO_KNOWN_KIND = "no_known_kind"
    FAR_FROM_KNOWN = "far_from_known"

    @property
    def words(self) -> str:
        return UNFAMILIAR[self]


UNFAMILIAR = {
    Unfamiliar.SCRIPT: "hardly any known query is in its script",
    Unfamiliar.LENGTH: "it is longer than the known queries",
    Unfamiliar.NO_KNOWN_KIND: "it is of none of the known kinds",
    Unfamiliar.FAR_FROM_KNOWN: "no known query is near it",
}


@dataclass(frozen=True, slots=True)
class Familiar:
    """What an artifact's known queries are like.

    `directions` (queries, representation_dim) are their vectors at length 1. Beyond each limit lie
    0.2 % of them, and at most 1 % are in another script than `scripts`: so about 1 % of queries
    drawn from the same source are flagged.
    """

    directions: Float32s
    kinds: int
    scripts: frozenset[str]
    max_characters: float
    min_kind_probability: float
    max_distance: float

    @classmethod
    def of(cls, artifact: RouterArtifact) -> Self:
        """Measure the known queries of an artifact. Raises ArtifactIncompatible for an artifact
        without any. Takes a moment."""
        known = artifact.known_queries()
        if known is None:
            raise ArtifactIncompatible(
                f"the artifact {artifact.manifest.name!r} carries no known queries to compare "
                "with; export it again"
            )
        return cls.of_known(known, kinds=len(artifact.manifest.task_kinds))

    @classmethod
    def of_known(cls, known: KnownQueries, *, kinds: int) -> Self:
        """The last `kinds` numbers of each vector are the posterior over task kinds."""
        directions = unit_rows(known.vectors)
        written = Counter(script_of_language(str(language)) for language in known.langs)
        return cls(
            directions,
            kinds,
            frozenset(name for name, count in written.items() if count >= FEW * len(known)),
            float(np.quantile(known.characters, 1 - BEYOND)),
            float(np.quantile(known.vectors[:, -kinds:].max(1), BEYOND)),
            float(np.quantile(_distances_to_others(directions), 1 - BEYOND)),
        )

    def flags(self, query: RoutedQuery) -> tuple[Unfamiliar, ...]:
        """In what ways a query is outside; empty for most."""
        vector = query.representation.vector
        return self.flags_of(vector, characters=query.characters, script=query.script)

    def flags_of(self, vector: Float32s, *, characters: int, script: str) -> tuple[Unfamiliar, ...]:
        """The same from `vector` (representation_dim,), length in characters and script."""
        _, (distance,) = nearest(self.directions, vector, 1)
        outside: Mapping[Unfamiliar, bool] = {
            Unfamiliar.SCRIPT: script not in self.scripts,
            Unfamiliar.LENGTH: characters > self.max_characters,
            Unfamiliar.NO_KNOWN_KIND: vector[-self.kinds :].max() < self.min_kind_probability,
            Unfamiliar.FAR_FROM_KNOWN: bool(distance > self.max_distance),
        }
        return tuple(flag for flag, applies in outside.items() if applies)


def unit_rows(vectors: Float32s) -> Float32s:
    """`vectors` (queries, dim) at length 1; zero stays zero."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    directions: Float32s = vectors / np.maximum(lengths, np.float32(1e-12))
    return directions


def nearest(directions: Float32s, vector: Float32s, count: int) -> tuple[Places, Float32s]:
    """The `count` rows nearest to `vector`, and their cosine distances 0..2, nearest first."""
    distances = 1 - directions @ unit_rows(vector[None])[0]
    count = min(count, len(distances))
    rows = np.argpartition(distances, count - 1)[:count]
    rows = rows[np.argsort(distances[rows], kind="stable")]
    return rows, distances[rows]


def _distances_to_others(directions: Float32s) -> Float32s:
    """The cosine distance (rows,) of each row to the nearest other row."""
    distances = np.empty(len(directions), dtype=np.float32)
    for start in range(0, len(directions), BLOCK):
        cosines = directions[start : start + BLOCK] @ directions.T  # (block, queries)
        rows = np.arange(len(cosines))
        cosines[rows, start + rows] = -1
        distances[start : start + BLOCK] = 1 - cosines.max(1)
    return distances
