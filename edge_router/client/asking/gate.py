"""The deferral gate: P(the local answer is good), judged by its first tokens.

A logistic model of the local model's confidence in those tokens and of the quality that the router
expected, one per number of tokens. Its prior is the router itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from edge_router.chat.completion import ChatChunk, TokenConfidence
from edge_router.errors import ConfigError
from edge_router.guards.redaction import quoted_json
from edge_router.guards.stored_json import FAULTS, number, read_object, table, text
from edge_router.routing.arrays import Float64s
from edge_router.routing.logistic import Gaussian, log_odds, most_probable, sigmoid, with_bias

__all__ = ["FEATURES", "STAGES", "DeferralGate", "GateStage", "features", "first_of_stage"]

STAGES = (4, 8, 16, 32)  # numbers of tokens at which a gate may look
FEATURES = (
    "mean_log_probability",
    "mean_entropy",
    "min_margin",
    "first_log_probability",
    "first_entropy",
    "first_margin",
    "log_tokens",
    "router_log_odds",
)
OF = ("model", "artifact", "profile", "created")
PRECISION = 10.0  # of the prior on weights of standardised features, in answers
BIAS_PRECISION = 0.01
RENEW = "fit it with `edge-router export deferral OUTCOMES --data FOLDER --gate FILE`"


def features(confidence: TokenConfidence, quality: float) -> Float64s:
    """(FEATURES,) of an answer so far and of the `quality` (0..1) that the router expected."""
    return np.array(
        [
            confidence.mean_log_probability,
            confidence.mean_entropy,
            confidence.min_margin,
            confidence.first_log_probability,
            confidence.first_entropy,
            confidence.first_margin,
            np.log(confidence.tokens),
            log_odds(quality),
        ]
    )


def first_of_stage(chunks: Iterable[ChatChunk], stage: int) -> TokenConfidence | None:
    """The confidence at the first of `chunks` that covers `stage` tokens; of a shorter answer the
    last one. None where the expert gives no confidence."""
    last = None
    for chunk in chunks:
        last = chunk.confidence or last
        if last is not None and last.tokens >= stage:
            break
    return last


@dataclass(frozen=True, slots=True, eq=False)
class GateStage:
    """Log-odds of a good answer: `bias + weights @ features`; `weights` (features,)."""

    bias: float
    weights: Float64s

    @classmethod
    def fit(cls, design: Float64s, scores: Float64s, *, prior: Float64s) -> Self:
        """Maximum a posteriori logistic regression.

        `design` (answers, features), `scores` (answers,) in 0..1. The prior is normal around the
        weights `prior` (features,); it counts for PRECISION answers per feature, each taken in
        units of its standard deviation. The bias is free but for a hundredth of an answer.
        """
        centre = design.mean(0)
        spread = np.where(design.std(0) > 1e-9, design.std(0), 1.0)
        start = np.concatenate([[prior @ centre], prior * spread])
        precision = np.array([BIAS_PRECISION, *np.full(len(prior), PRECISION)])
        belief = Gaussian(start, np.diag(precision**-0.5))
        fitted = most_probable(belief, with_bias((design - centre) / spread), scores)
        weights = fitted[1:] / spread
        return cls(float(fitted[0] - weights @ centre), weights)

    def probability(self, design: Float64s) -> Float64s:
        """P(good) (answers,) of `design` (answers, features)."""
        return sigmoid(self.bias + design @ self.weights)


@dataclass(frozen=True, slots=True, eq=False)
class DeferralGate:
    """The gates of one local model, by the number of tokens they look at (of STAGES).

    They are valid for that `model` (as its chunks name it), the router `artifact` (its hash) and
    its head `profile` only, whose expected quality is a feature. `queries` is the number of answers
    they were fitted on, `created` the day.
    """

    model: str
    artifact: str
    profile: str
    created: str
    queries: int
    stages: Mapping[int, GateStage]

    @classmethod
    def load(cls, path: Path, *, artifact: str) -> Self:
        """Read a stored gate. Raises ConfigError for a file that is missing or damaged, and for a
        gate fitted with another router than `artifact`."""
        try:
            gate = cls.from_json(read_object(path))
        except FileNotFoundError:
            raise ConfigError(
                f"deferral gate {str(path)!r} cannot be read: No such file; {RENEW}"
            ) from None
        except FAULTS as error:
            raise ConfigError(f"{str(path)!r} is no deferral gate ({error}); {RENEW}") from None
        if gate.artifact != artifact:
            raise ConfigError(
                f"the deferral gate {str(path)!r} belongs to the router artifact "
                f"{gate.artifact[:16]}, not to {artifact[:16]}; {RENEW}"
            )
        return gate

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """The gate that `to_json` wrote. Raises one of FAULTS for anything else."""
        if stored["features"] != list(FEATURES):
            raise ValueError(f"features {quoted_json(stored['features'])}")
        stages = {
            _stage(tokens): GateStage(number(stage["bias"], "bias"), _weights(stage["weights"]))
            for tokens, stage in table(stored["stages"], "stages").items()
        }
        if not stages:
            raise ValueError("no stages")
        model, artifact, profile, created = (text(stored[key], key) for key in OF)
        queries = int(number(stored["queries"], "queries", 0))
        return cls(model, artifact, profile, created, queries, stages)

    def to_json(self) -> dict[str, Any]:
        """The content of a gate's file."""
        return {
            "model": self.model,
            "artifact": self.artifact,
            "profile": self.profile,
            "created": self.created,
            "queries": self.queries,
            "features": list(FEATURES),
            "stages": {
                str(tokens): {"bias": stage.bias, "weights": stage.weights.tolist()}
                for tokens, stage in self.stages.items()
            },
        }

    def probability(self, confidence: TokenConfidence, quality: float, *, stage: int) -> float:
        """P(the answer is good), 0..1; `quality` is what the router expected."""
        return float(self.stages[stage].probability(features(confidence, quality)[None])[0])


def _stage(tokens: str) -> int:
    """One of STAGES. Raises ValueError."""
    if tokens not in map(str, STAGES):
        raise ValueError(f"a stage at {quoted_json(tokens)} tokens")
    return int(tokens)


def _weights(stored: Any) -> Float64s:
    """One finite number for each of FEATURES. Raises ValueError."""
    if not isinstance(stored, list) or len(stored) != len(FEATURES):
        raise ValueError(f"weights {quoted_json(stored)}")
    return np.array([number(weight, "a weight") for weight in stored], dtype=np.float64)
