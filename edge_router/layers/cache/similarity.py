"""Whether two questions ask the same: guards that are certain, then a calibrated probability.

The probability is a logistic model of the cosine and of the words that have no counterpart. Its
weights and its threshold are calibrated for one router artifact, on pairs that people labelled: no
more than the stated share of hits is wrong, at the stated risk (see
`learning.calibration.wrong_hits`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Self

import numpy as np

from edge_router.errors import ConfigError
from edge_router.guards.stored_json import FAULTS, number, table, text
from edge_router.routing.arrays import Float64s
from edge_router.routing.logistic import sigmoid

from .alignment import FEATURES, Embed, features
from .guards import difference, same_words
from .reading import Reading, reading

__all__ = ["SHIPPED", "Similarity", "Weights"]

SHIPPED = files(__package__) / "similarity.json"
LEAST_COSINE = 0.5  # below it questions are not compared at all
WORD_COSINE = 0.78  # of two words, from which on they count as synonyms


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """A calibrated model: `parameters` (1 + FEATURES,) with the bias first, and the probability
    from which on two questions count as the same. `artifact` is the hash of the router whose
    embeddings it is for; at most `wrong` of the hits are wrong at the risk `delta`, by `pairs` of
    labelled pairs."""

    artifact: str
    parameters: Float64s
    threshold: float
    wrong: float
    delta: float
    pairs: int

    @classmethod
    def load(cls, path: Traversable) -> Self:
        """Read a file of them, which may lie in an archive. Raises ConfigError."""
        try:
            return cls.from_json(json.loads(path.read_text(encoding="utf-8")))
        except FAULTS as error:
            raise ConfigError(
                f"{str(path)!r} cannot be used for a semantic cache: {error}"
            ) from None

    @classmethod
    def from_json(cls, stated: Mapping[str, Any]) -> Self:
        """The weights that `to_json` wrote. Raises one of FAULTS for anything else."""
        named = table(stated["parameters"], "parameters")
        return cls(
            text(stated["artifact"], "artifact"),
            np.array([number(named[name], name) for name in ("bias", *FEATURES)]),
            number(stated["threshold"], "threshold", 0.0, 2.0),
            number(stated["wrong"], "wrong", 0.0, 1.0),
            number(stated["delta"], "delta", 0.0, 1.0),
            int(number(stated["pairs"], "pairs", 0)),
        )

    def to_json(self) -> dict[str, Any]:
        """The content of a file of them."""
        named = zip(("bias", *FEATURES), self.parameters.tolist(), strict=True)
        return {
            "artifact": self.artifact,
            "parameters": {name: round(value, 4) for name, value in named},
            "threshold": self.threshold,
            "wrong": self.wrong,
            "delta": self.delta,
            "pairs": self.pairs,
        }


class Similarity:
    """Compares questions by `weights`; `embed` gives the embedding of a text. Thread-safe where
    `embed` is."""

    least_cosine = LEAST_COSINE

    def __init__(self, weights: Weights, embed: Embed) -> None:
        self._weights = weights
        self._embed = embed

    @classmethod
    def of(cls, artifact: str, embed: Embed) -> Self:
        """That of the router `artifact` (its hash). Raises ConfigError where none is calibrated for
        it."""
        weights = Weights.load(SHIPPED)
        if weights.artifact != artifact:
            raise ConfigError(
                f"no semantic cache is calibrated for the router artifact {artifact[:16]}; use "
                'mode = "exact" in [cache]'
            )
        return cls(weights, embed)

    def asks_the_same(self, asked: str, kept: str, cosine: float) -> bool:
        """Whether the answer to a question `kept` may be given to the one `asked`; `cosine` is that
        of their embeddings."""
        ours, theirs = reading(asked), reading(kept)
        if difference(ours, theirs) is not None:
            return False
        if same_words(ours, theirs):
            return True
        return self.probability(ours, theirs, cosine) >= self._weights.threshold

    def probability(self, asked: Reading, kept: Reading, cosine: float) -> float:
        """P(both ask the same), where no guard tells them apart."""
        seen = features(asked, kept, cosine, embed=self._embed, word_cosine=WORD_COSINE)
        bias, *weights = self._weights.parameters
        return float(sigmoid(float(bias + seen @ np.array(weights))))
