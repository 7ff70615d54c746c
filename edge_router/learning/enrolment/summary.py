"""Expected mean quality and APGR of an enrolled expert, with 95 % intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edge_router.routing.arrays import Float64s
from edge_router.routing.logistic import Gaussian, sigmoid

__all__ = ["GapRecovered", "Standing"]

DRAWS = 100
SEED = 0


@dataclass(frozen=True, slots=True)
class GapRecovered:
    """Expected APGR between two experts (RouteLLM, Ong et al. 2024, equation 6; random is 0.5) with
    the ends of its 95 % interval, assuming both heads are exact."""

    weak: str
    strong: str
    apgr: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Standing:
    """Mean quality over `queries` queries, with the ends of its 95 % interval, beside that of each
    profile, all in 0..1; `gap` where one of the two experts is better on the mean."""

    queries: int
    quality: float
    low: float
    high: float
    profiles: Mapping[str, float]
    gap: GapRecovered | None

    @classmethod
    def of(
        cls,
        belief: Gaussian,
        design: Float64s,
        profiles: Mapping[str, Float64s],
        *,
        name: str,
        rival: tuple[str, Float64s],
    ) -> Standing:
        """On the queries of `design` (queries, parameters). `profiles` and the `rival`'s are
        parameters by name, their log-odds with no temperature left to divide by."""
        quality, low, high = belief.mean_quality(design)
        means = {of: float(sigmoid(design @ head).mean()) for of, head in profiles.items()}
        gap = _gap(belief, design, name, rival)
        return cls(len(design), quality, low, high, means, gap)


def _gap(
    belief: Gaussian, design: Float64s, name: str, rival: tuple[str, Float64s]
) -> GapRecovered | None:
    """Ranked by the expected gain, counted by the gains that the belief allows."""
    other, head = rival
    theirs = sigmoid(design @ head)
    gain = theirs - sigmoid(design @ belief.mean)
    sign = 1.0 if gain.mean() >= 0 else -1.0
    drawn = sigmoid(belief.draw(DRAWS, SEED) @ design.T)  # (draws, queries)
    order = np.argsort(-sign * gain, kind="stable")
    apgrs = [_apgr(sign * (theirs - one)[order]) for one in drawn]
    known = [value for value in apgrs if np.isfinite(value)]
    value = _apgr(sign * gain[order])
    if len(known) < DRAWS * 0.95 or not np.isfinite(value):
        return None
    low, high = np.percentile(known, [2.5, 97.5])
    weak, strong = (name, other) if sign > 0 else (other, name)
    return GapRecovered(weak, strong, value, float(low), float(high))


def _apgr(gains: Float64s) -> float:
    """The area under the share of the gap recovered, `gains` (queries,) in the order of asking."""
    total = gains.sum()
    if total <= 0:
        return float("nan")
    recovered = np.concatenate([[0.0], np.cumsum(gains) / total])
    return float((recovered[1:] + recovered[:-1]).mean() / 2)
