"""A new expert's head from outcomes: what is known of its like, corrected by what it did.

Prior, posterior and evidence in numpy; a few hundred outcomes take well under two seconds.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from .errors import ConfigError
from .experts import ExpertHead
from .posterior import Gaussian, laplace, mixture, with_bias

__all__ = ["Enrolment", "HeadPrior", "Outcomes"]

Floats = npt.NDArray[np.float64]

# On the dev split, where known experts were enrolled anew, other scales and priors did as well;
# train rows of the two experts of `export enrolment` decided.
SCALES = (0.3, 0.6, 1.0)
DIAGONAL = 0.1
BIAS_DEVIATION = 0.5
FEW_EXPERTS = 10  # fewer say nothing of how heads scatter
PLAIN_VARIANCE = 0.1
POPULATION = "all known experts"
LENGTH_ROWS = 2.0  # answers that the profile's length counts for


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What an expert did: `vectors` (queries, representation_dim) and `log_tokens` (queries,) by
    the encoder, `scores` (queries,) in 0..1, `output_tokens` (queries,) NaN where not counted.

    Raises ConfigError for no rows and a score outside 0..1.
    """

    vectors: Floats
    log_tokens: Floats
    scores: Floats
    output_tokens: Floats

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

    `centres` by name (1 + dim,), the bias first: the profiles and the mean of all known experts.
    `scatter` (1 + dim, 1 + dim) is how the known experts lie around that mean, `lengths` the
    profiles' `log_tokens`.
    """

    centres: Mapping[str, Floats]
    scatter: Floats
    lengths: Mapping[str, float]

    @classmethod
    def of(cls, experts: Mapping[str, Any], temperature: float) -> Self:
        """From an artifact's `experts.json`; the heads' log-odds are divided by `temperature`."""
        centres = {name: _parameters(e, temperature) for name, e in experts["profiles"].items()}
        lengths = {name: e["head"]["log_tokens"] for name, e in experts["profiles"].items()}
        known = np.array([_parameters(e, temperature) for e in experts["experts"].values()])
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
    def fit(cls, prior: HeadPrior, outcomes: Outcomes, profile: str | None = None) -> Self:
        """Maximum a posteriori, averaged over the prior's centres and scales by their evidence.

        With `profile`, only around that one. Raises ConfigError for an unknown one.
        """
        names = [prior.check(profile)] if profile else list(prior.centres)
        design = with_bias(outcomes.vectors)
        tried = [prior.around(name, scale) for name in names for scale in SCALES]
        found = [laplace(around, design, outcomes.scores) for around in tried]
        evidence = np.array([evidence for _, evidence in found])
        belief, shares = mixture([part for part, _ in found], evidence.tolist())
        weights = shares.reshape(len(names), -1).sum(1).tolist()
        nearest = _likeliest(names, evidence, among=prior.lengths)
        return cls(
            belief,
            nearest,
            dict(zip(names, weights, strict=True)),
            _length(outcomes, prior.lengths[nearest]),
            len(outcomes),
            float(outcomes.scores.mean()),
        )

    @property
    def head(self) -> ExpertHead:
        """As the router uses it; its log-odds need no temperature any more."""
        weights = self.belief.mean[1:].astype(np.float32)
        return ExpertHead(float(self.belief.mean[0]), weights, self.log_tokens)


def _parameters(expert: Mapping[str, Any], temperature: float) -> Floats:
    head = expert["head"]
    return np.array([head["bias"], *head["weights"]], dtype=np.float64) / temperature


def _scatter(known: Floats) -> Floats:
    """Covariance of the known heads (experts, parameters), drawn a little to its own diagonal.

    A hundred heads say little of single pairs among a hundred parameters (Ledoit and Wolf 2004).
    """
    away = known - known.mean(0)
    covariance = away.T @ away / len(known)
    own = np.diag(np.diag(covariance) + 1e-6)
    kept: Floats = (1 - DIAGONAL) * covariance + DIAGONAL * own
    return kept


def _likeliest(names: Sequence[str], evidence: Floats, *, among: Container[str]) -> str:
    """The name with the most evidence (logarithms, all scales of a name in a row); logarithms still
    differ where every weight but one is zero."""
    totals = np.logaddexp.reduce(evidence.reshape(len(names), -1), axis=1).tolist()
    named = zip(totals, names, strict=True)
    return max((total, name) for total, name in named if name in among)[1]


def _length(outcomes: Outcomes, profile: float) -> float:
    """Mean of how much longer the answers were than expected, as a logarithm."""
    counted = outcomes.output_tokens >= 1
    longer = np.log(outcomes.output_tokens[counted]) - outcomes.log_tokens[counted]
    return float((LENGTH_ROWS * profile + longer.sum()) / (LENGTH_ROWS + len(longer)))
