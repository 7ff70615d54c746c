"""Drift: whether live queries still look like those that an artifact knows.

A kernel two-sample test (maximum mean discrepancy, Gretton et al. 2012) on random Fourier features
(Rahimi and Recht 2007). A stretch of queries is looked at several times; one threshold for all
looks (Pocock 1977) is calibrated on stretches drawn from the known queries themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from edge_router.errors import ArtifactIncompatible
from edge_router.routing.arrays import Float32s
from edge_router.routing.artifact.known_queries import KnownQueries
from edge_router.routing.artifact.manifest import RouterArtifact

from .traffic import Traffic, TrafficView

__all__ = ["FALSE_ALARMS_ONE_TEST", "LOOKS", "DriftReference", "traffic_of"]


LOOKS = (50, 100, 200)  # queries after which a stretch is looked at; the last one ends it
FALSE_ALARMS_ONE_TEST = 0.01
DRAWS = 1999  # stretches of known queries; p values are multiples of 1 / 2000
LEAST_FALSE_ALARMS = 0.001
LEAST_KNOWN = 2 * LOOKS[-1]
FREQUENCIES = 128


@dataclass(frozen=True, slots=True, eq=False)
class DriftReference:
    """What known queries are like, made once; under 150 kB.

    `frequencies` (columns, FREQUENCIES) of the random features, `mean_features`
    (2 * FREQUENCIES,) over the known queries, `null` (DRAWS,) the sorted statistics of stretches
    that did not drift. `characters` is the known queries' geometric mean length, `quality` (0..1)
    the mean quality expected of the artifact's profiles.
    """

    view: TrafficView
    frequencies: Float32s
    mean_features: npt.NDArray[np.float64]
    null: npt.NDArray[np.float64]
    characters: float
    quality: float

    @classmethod
    def of(cls, artifact: RouterArtifact, *, seed: int = 0) -> Self:
        """Takes a moment. Raises ArtifactIncompatible where the artifact knows too few queries."""
        known = artifact.known_queries()
        if known is None or len(known) < LEAST_KNOWN:
            raise ArtifactIncompatible(
                f"the artifact {artifact.manifest.name!r} carries "
                f"{0 if known is None else len(known)} known queries; drift needs {LEAST_KNOWN} "
                "or more to compare with; export it again"
            )
        return cls.of_traffic(*traffic_of(artifact, known), seed=seed)

    @classmethod
    def of_traffic(cls, view: TrafficView, traffic: Traffic, *, seed: int = 0) -> Self:
        """From LEAST_KNOWN or more queries, seen through a `view` fitted to them."""
        random = np.random.default_rng(seed)
        columns = view.columns(traffic)
        # Gaussian kernel whose variance is that of the columns, so that neither the nearest nor
        # the farthest pairs count alone
        scale = np.sqrt(columns.var(0).sum())
        shape = (columns.shape[1], FREQUENCIES)
        frequencies = (random.standard_normal(shape) / scale).astype(np.float32)
        features = _features(columns, frequencies)
        return cls(
            view,
            frequencies,
            features.mean(0, dtype=np.float64),
            np.sort(_null(features, random)),
            float(np.exp(np.log(np.maximum(1, traffic.characters)).mean())),
            float(view.qualities(traffic).mean()),
        )

    def features(self, traffic: Traffic) -> Float32s:
        """Random Fourier features (queries, 2 * FREQUENCIES); their dot product is the kernel."""
        return _features(self.view.columns(traffic), self.frequencies)

    def threshold(self, false_alarms: float) -> float:
        """The statistic above which a stretch alarms; of those that did not drift at most the
        share `false_alarms` does, all looks together."""
        beyond = int(false_alarms * (DRAWS + 1) + 1e-9)
        return float(self.null[DRAWS - beyond])

    def p_value(self, statistic: float) -> float:
        """How often a stretch that did not drift has a statistic as large, never 0."""
        as_large = DRAWS - int(np.searchsorted(self.null, statistic))
        return (1 + as_large) / (DRAWS + 1)


def traffic_of(artifact: RouterArtifact, known: KnownQueries) -> tuple[TrafficView, Traffic]:
    """Known queries as traffic, and the view of it that fits them."""
    temperature = artifact.calibration["temperature"]
    heads = [profile["head"] for profile in artifact.experts["profiles"].values()]
    weights = np.array([head["weights"] for head in heads], dtype=np.float32).T
    biases = np.array([head["bias"] for head in heads], dtype=np.float32)
    traffic = Traffic(known.vectors, known.log_tokens, known.characters)
    view = TrafficView.fit(
        traffic,
        kinds=len(artifact.manifest.task_kinds),
        weights=weights / np.float32(temperature),
        biases=biases / np.float32(temperature),
    )
    return view, traffic


def _features(columns: Float32s, frequencies: Float32s) -> Float32s:
    phases = columns @ frequencies
    waves = np.concatenate([np.cos(phases), np.sin(phases)], axis=1)
    features: Float32s = waves * np.float32(frequencies.shape[1] ** -0.5)
    return features


def _statistic(distance: npt.NDArray[np.floating], queries: int) -> float:
    """n MMD^2: without drift its law hardly depends on n (Gretton et al. 2012, theorem 12)."""
    return queries * float(distance @ distance)


def _null(features: Float32s, random: np.random.Generator) -> npt.NDArray[np.float64]:
    """The largest statistic over all looks of DRAWS stretches, each against the known queries that
    are not in it: a live stretch is not part of what it is compared with either."""
    known, mean = len(features), features.mean(0, dtype=np.float64)
    largest = np.empty(DRAWS)
    for draw in range(DRAWS):
        rows = features[random.choice(known, LOOKS[-1], replace=False)]
        totals = np.add.reduceat(rows, (0, *LOOKS[:-1]), axis=0).cumsum(
            0, dtype=np.float64
        )  # (looks, features)
        largest[draw] = max(
            _statistic((total / n - mean) * known / (known - n), n)
            for total, n in zip(totals, LOOKS, strict=True)
        )
    return largest
