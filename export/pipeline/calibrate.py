"""Temperature and operating points, from the dev split and the quantised encoder."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np

from edge_router.routing.arrays import Float64s
from edge_router.routing.experts.expert import PROFILES
from edge_router.routing.logistic import sigmoid

from ..metrics.apgr import brier, expected_calibration_error
from ..training.heads import LinearHead

__all__ = ["calibrate", "fit_temperature", "gain_for_call_rate", "gain_for_quality"]


POINTS = {
    "economy": "a fifth of the dev queries went to the dearer expert",
    "balanced": "half of the dev queries went to the dearer expert",
    "quality": "95 % of the dearer expert's mean score was kept on the dev queries",
}
DEFAULT_PAIR = "135m>frontier"


def calibrate(
    vectors: Float64s, scores: Mapping[str, Float64s], heads: Mapping[str, LinearHead]
) -> dict[str, Any]:
    """The content of calibration.json.

    `vectors` (queries, dim) and `scores[profile]` (queries,) of the dev split, NaN where unknown.
    One temperature serves all heads. Each operating point holds one least gain per pair of
    profiles, with what it did on the dev split.
    """
    log_odds = {name: head.log_odds(vectors) for name, head in heads.items()}
    known = {name: ~np.isnan(scores[name]) for name in PROFILES}
    seen_odds = np.concatenate([log_odds[p][known[p]] for p in PROFILES])
    seen_scores = np.concatenate([scores[p][known[p]] for p in PROFILES])
    temperature = fit_temperature(seen_odds, seen_scores)
    quality = {name: sigmoid(odds / temperature) for name, odds in log_odds.items()}
    pairs = {
        f"{weak}>{strong}": _evidence(quality, scores, weak, strong)
        for weak, strong in combinations(PROFILES, 2)
        if (known[weak] & known[strong]).any()
    }
    return {
        "temperature": temperature,
        "ece": expected_calibration_error(sigmoid(seen_odds / temperature), seen_scores),
        "brier": brier(sigmoid(seen_odds / temperature), seen_scores),
        "operating_points": {
            point: {
                "promise": promise,
                "default": pairs[DEFAULT_PAIR][point]["min_gain"],
                "min_gain": {pair: points[point]["min_gain"] for pair, points in pairs.items()},
                "evidence": {pair: points[point] for pair, points in pairs.items()},
            }
            for point, promise in POINTS.items()
        },
    }


def _evidence(
    quality: Mapping[str, Float64s], scores: Mapping[str, Float64s], weak: str, strong: str
) -> dict[str, dict[str, Any]]:
    both = ~np.isnan(scores[weak]) & ~np.isnan(scores[strong])
    gains = (quality[strong] - quality[weak])[both]
    low, high = scores[weak][both].astype(np.float64), scores[strong][both].astype(np.float64)
    thresholds = {
        "economy": gain_for_call_rate(gains, 0.2),
        "balanced": gain_for_call_rate(gains, 0.5),
        "quality": gain_for_quality(gains, low, high, 0.95),
    }
    return {
        point: {
            "min_gain": gain,
            "queries": int(both.sum()),
            "strong_call_rate": float((gains >= gain).mean()),
            "quality_kept": _share(np.where(gains >= gain, high, low), high),
        }
        for point, gain in thresholds.items()
    }


def _share(scores: Float64s, best: Float64s) -> float | None:
    """Mean score as a share of another; None where that is 0."""
    return float(scores.sum() / best.sum()) if best.sum() else None


def gain_for_call_rate(gains: Float64s, rate: float) -> float:
    """The largest threshold at which at least `rate` of the queries have `gains >= threshold`.

    `gains` (queries,), at least one.
    """
    calls = max(1, min(len(gains), int(np.ceil(rate * len(gains) - 1e-9))))
    return float(np.sort(gains)[::-1][calls - 1])


def gain_for_quality(gains: Float64s, weak: Float64s, strong: Float64s, share: float) -> float:
    """The largest threshold that keeps `share` of the strong expert's mean score.

    All arrays (queries,): predicted gain, and both experts' scores in 0..1. Where even asking the
    strong expert always does not reach it, the smallest gain, which asks always.
    """
    ranked = np.sort(np.unique(gains))[::-1]
    never = np.nextafter(ranked[0], np.inf)  # no gain reaches it
    for threshold in (never, *ranked):
        if np.where(gains >= threshold, strong, weak).sum() >= share * strong.sum():
            return float(threshold)
    return float(ranked[-1])


def fit_temperature(log_odds: Float64s, scores: Float64s) -> float:
    """The temperature that minimises cross-entropy, by golden section over 0.25..4."""

    def loss(log_temperature: float) -> float:
        z = log_odds / np.exp(log_temperature)
        return float(np.mean(np.logaddexp(0, z) - scores * z))

    low, high = np.log(0.25), np.log(4.0)
    ratio = (np.sqrt(5) - 1) / 2
    while high - low > 1e-4:
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if loss(left) < loss(right):
            high = right
        else:
            low = left
    return float(np.exp((low + high) / 2))
