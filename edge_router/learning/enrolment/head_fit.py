"""A new expert's head from outcomes: what is known of its like, corrected by what it did.

Prior, posterior and evidence in numpy; a few hundred outcomes take well under two seconds.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from edge_router.errors import ConfigError
from edge_router.routing.arrays import Float64s
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.experts.expert import ExpertHead
from edge_router.routing.logistic import Gaussian, laplace, mixture, with_bias

__all__ = ["Enrolment", "EnrolmentOutcomes", "HeadPrior"]

# Chosen on halves of the train rows of `export enrolment`, never on its test rows: the two new
# experts, and known ones left out of the prior. Several scales and a low-rank scatter did no
# better; all known experts as centres ranked a little better, but were less calibrated.
DIAGONAL = 0.1
BIAS_DEVIATION = 0.3
BROAD_KINDS = 5  # an expert seen on fewer counts as its profile on most
DESIGN_SCALE = 2.0  # asking as if heads lay further apart finds those that do
FEW_EXPERTS = 10  # fewer say nothing of how heads scatter
PLAIN_VARIANCE = 0.1
POPULATION = "all known experts"
LENGTH_ROWS = 2.0  # answers that the profile's length counts for


@dataclass(frozen=True, slots=True)
class EnrolmentOutcomes:
    """What an expert did: `vectors` (queries, representation_dim) and `log_tokens` (queries,) by
    the encoder, `scores` (queries,) in 0..1, `output_tokens` (queries,) NaN where not counted.

    Raises ConfigError for no rows and a score outside 0..1.
    """

    vectors: Float64s
    log_tokens: Float64s
    scores: Float64s
    output_tokens: Float64s

    def __post_init__(self) -> None:
        if not len(self.scores):
            raise ConfigError("there are no outcomes to enrol from; give some, or only a profile")
        outside = ~((self.scores >= 0) & (self.scores <= 1))
        if outside.any():
            row = int(np.argmax(outside))
            raise ConfigError(f"score {self.scores[row]} of outcome {row + 1} is not in 0..1")

    def __len__(self) -> int:
        return len(self.scores)


@dataclass(frozen=True, slots=True)
class HeadPrior:
    """What an artifact's experts say of heads yet unseen.

    `centres` by name (1 + dim,), the bias first: the profiles and the mean of the known experts.
    `scatter` (1 + dim, 1 + dim) is how the known experts lie around that mean, `lengths` the
    profiles' `log_tokens`.
    """

    centres: Mapping[str, Float64s]
    scatter: Float64s
    lengths: Mapping[str, float]

    @classmethod
    def of_artifact(cls, artifact: RouterArtifact) -> Self:
        """From its experts, and from its known queries who of them was seen on many kinds."""
        known = artifact.known_queries()
        broad = known.seen_on(BROAD_KINDS) if known else ()
        return cls.of(artifact.experts, artifact.calibration["temperature"], broad)

    @classmethod
    def of(
        cls, experts: Mapping[str, Any], temperature: float, broad: Collection[str] = ()
    ) -> Self:
        """From an artifact's `experts.json`; the heads' log-odds are divided by `temperature`.

        Mean and scatter are those of the `broad` experts, or of all where too few are.
        """
        centres = {name: _parameters(e, temperature) for name, e in experts["profiles"].items()}
        lengths = {name: e["head"]["log_tokens"] for name, e in experts["profiles"].items()}
        of = {name: _parameters(e, temperature) for name, e in experts["experts"].items()}
        some = [head for name, head in of.items() if name in broad]
        known = np.array(some if len(some) >= FEW_EXPERTS else list(of.values()))
        if len(known) < FEW_EXPERTS:
            size = len(next(iter(centres.values())))
            return cls(centres, PLAIN_VARIANCE * np.eye(size), lengths)
        return cls(centres | {POPULATION: known.mean(0)}, _scatter(known), lengths)

    def around(self, centre: str, scale: float = 1.0) -> Gaussian:
        """The belief about an expert like `centre` before anything was seen of it.

        `scale` is how far it may lie from it, in units of the known experts' scatter; its overall
        level is always free.
        """
        covariance = scale**2 * self.scatter
        covariance[0, 0] += BIAS_DEVIATION**2
        return Gaussian.of(self.centres[centre], covariance)

    def for_design(self, profile: str | None = None) -> Gaussian:
        """What to choose questions by: around `profile`, or where none is known around the mean of
        the known experts, or else the largest profile."""
        middle = POPULATION if POPULATION in self.centres else list(self.lengths)[-1]
        centre = profile if profile and profile in self.lengths else middle
        return self.around(centre, DESIGN_SCALE)

    def check(self, profile: str) -> str:
        """`profile` itself. Raises ConfigError when there is none of that name."""
        if profile not in self.lengths:
            known = ", ".join(self.lengths)
            raise ConfigError(f"profile {profile!r} is unknown; use one of {known}")
        return profile


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A head with its uncertainty, after `outcomes` many of `mean_score` (None without any).

    `profile` is the nearest one. `weights` is how well each centre of the prior explains the
    outcomes (they sum to 1). `log_tokens` is the length offset.
    """

    belief: Gaussian
    profile: str
    weights: Mapping[str, float]
    log_tokens: float
    outcomes: int = 0
    mean_score: float | None = None

    @classmethod
    def of_profile(cls, prior: HeadPrior, profile: str) -> Self:
        """Without any outcome: the profile's own head. Raises ConfigError for an unknown one."""
        belief = prior.around(prior.check(profile))
        return cls(belief, profile, {profile: 1.0}, prior.lengths[profile])

    @classmethod
    def fit(cls, prior: HeadPrior, outcomes: EnrolmentOutcomes, profile: str | None = None) -> Self:
        """Maximum a posteriori, averaged over the prior's centres by their evidence.

        With `profile`, only around that one. Raises ConfigError for an unknown one.
        """
        names = [prior.check(profile)] if profile else list(prior.centres)
        design = with_bias(outcomes.vectors)
        posteriors = [laplace(prior.around(name), design, outcomes.scores) for name in names]
        evidence = [evidence for _, evidence in posteriors]
        belief, weights = mixture([part for part, _ in posteriors], evidence)
        nearest = _likeliest(names, evidence, among=prior.lengths)
        return cls(
            belief,
            nearest,
            dict(zip(names, weights.tolist(), strict=True)),
            _length(outcomes, prior.lengths[nearest]),
            len(outcomes),
            float(outcomes.scores.mean()),
        )

    @property
    def head(self) -> ExpertHead:
        """As the router uses it; its log-odds need no temperature any more."""
        weights = self.belief.mean[1:].astype(np.float32)
        return ExpertHead(float(self.belief.mean[0]), weights, self.log_tokens)


def _parameters(expert: Mapping[str, Any], temperature: float) -> Float64s:
    head = expert["head"]
    return np.array([head["bias"], *head["weights"]], dtype=np.float64) / temperature


def _scatter(known: Float64s) -> Float64s:
    """Covariance of the known heads (experts, parameters), drawn a little to its own diagonal.

    A hundred heads say little of single pairs among a hundred parameters (Ledoit and Wolf 2004).
    """
    away = known - known.mean(0)
    covariance = away.T @ away / len(known)
    own = np.diag(np.diag(covariance) + 1e-6)
    kept: Float64s = (1 - DIAGONAL) * covariance + DIAGONAL * own
    return kept


def _likeliest(names: Sequence[str], evidence: Sequence[float], *, among: Container[str]) -> str:
    """The name with the most evidence; logarithms still differ where all weights but one are 0."""
    named = zip(evidence, names, strict=True)
    return max((value, name) for value, name in named if name in among)[1]


def _length(outcomes: EnrolmentOutcomes, profile: float) -> float:
    """Mean of how much longer the answers were than expected, as a logarithm."""
    counted = outcomes.output_tokens >= 1
    longer = np.log(outcomes.output_tokens[counted]) - outcomes.log_tokens[counted]
    return float((LENGTH_ROWS * profile + longer.sum()) / (LENGTH_ROWS + len(longer)))
