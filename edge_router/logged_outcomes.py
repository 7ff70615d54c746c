"""Answered queries, of which only the chosen expert's score was ever seen."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from .errors import LearningError, TooFewOutcomes

__all__ = ["LEAST_EFFECTIVE", "LoggedOutcomes", "effective_size", "require_enough"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]

LEAST_EFFECTIVE = 100  # scored answers: the mean of so many is known to within 0.1


@dataclass(frozen=True, slots=True, eq=False)
class LoggedOutcomes:
    """Queries that one expert each has answered.

    `estimates` (queries, experts) are the probabilities 0..1 that the router gave for a good
    answer, NaN for who was no candidate. Expert number `chosen` (queries,) was asked with
    probability `propensity` (queries,), else number `rival` would have been, -1 where there was no
    other. `scores` (queries,) 0..1, NaN where nobody told. Leave out queries that another expert
    answered after a failure. Raises LearningError for a number outside of these.
    """

    experts: tuple[str, ...]
    estimates: Floats
    chosen: Integers
    rival: Integers
    propensity: Floats
    scores: Floats

    def __post_init__(self) -> None:
        known = self.scores[~np.isnan(self.scores)]
        given = self.estimates[~np.isnan(self.estimates)]
        _require_range(
            "propensity", self.propensity, (self.propensity > 0) & (self.propensity <= 1)
        )
        _require_range("score", known, (known >= 0) & (known <= 1))
        _require_range("estimate", given, (given >= 0) & (given <= 1))

    def __len__(self) -> int:
        return len(self.chosen)

    def number(self, expert: str) -> int:
        """Raises LearningError for an expert that the log has nothing of."""
        if expert not in self.experts:
            raise LearningError(
                f"the log has nothing of {expert!r}; it has {', '.join(self.experts) or 'nobody'}"
            )
        return self.experts.index(expert)

    def where(self, keep: Flags) -> Self:
        """Only the rows at which `keep` (queries,) is true."""
        return replace(
            self,
            estimates=self.estimates[keep],
            chosen=self.chosen[keep],
            rival=self.rival[keep],
            propensity=self.propensity[keep],
            scores=self.scores[keep],
        )


def _require_range(name: str, values: Floats, fits: Flags) -> None:
    if not fits.all():
        span = "above 0 and at most 1" if name == "propensity" else "in 0..1"
        raise LearningError(f"a {name} of {values[~fits][0]:g} is logged; it must be {span}")


def effective_size(weights: Floats) -> float:
    """How many equally weighted queries tell as much as these (Kish 1965): (sum w)^2 / sum w^2."""
    total = float(weights.sum())
    return total * total / float(weights @ weights) if total > 0 else 0.0


def require_enough(weights: Floats, of: str) -> float:
    """The effective size of scored answers; `of` ends "scored answers". Raises TooFewOutcomes."""
    effective = effective_size(weights)
    if effective >= LEAST_EFFECTIVE:
        return effective
    each = effective / len(weights) if len(weights) else 1.0
    needed = math.ceil(LEAST_EFFECTIVE / each) - len(weights)
    raise TooFewOutcomes(
        f"{len(weights)} scored answers {of} tell as much as {effective:.0f} equally weighted "
        f"ones; {LEAST_EFFECTIVE} are needed: score about {needed} more",
        needed=needed,
    )
