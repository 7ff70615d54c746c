"""Temperature and operating points, from the dev split and the quantised encoder."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_router.calibration import (
    fit_temperature,
    gain_for_call_rate,
    gain_for_quality,
    sigmoid,
)
from edge_router.experts import PROFILES

from .heads import LinearHead
from .metrics import brier, expected_calibration_error

__all__ = ["calibrate"]

Floats = npt.NDArray[np.float64]

POINTS = {
    "economy": "a fifth of the dev queries went to the dearer expert",
    "balanced": "half of the dev queries went to the dearer expert",
    "quality": "95 % of the dearer expert's mean score was kept on the dev queries",
}
DEFAULT_PAIR = "135m>frontier"


def calibrate(
    vectors: Floats, scores: Mapping[str, Floats], heads: Mapping[str, LinearHead]
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
                "min_gain": {pair: found[point]["min_gain"] for pair, found in pairs.items()},
                "evidence": {pair: found[point] for pair, found in pairs.items()},
            }
            for point, promise in POINTS.items()
        },
    }


def _evidence(
    quality: Mapping[str, Floats], scores: Mapping[str, Floats], weak: str, strong: str
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


def _share(scores: Floats, best: Floats) -> float | None:
    """Mean score as a share of another; None where that is 0."""
    return float(scores.sum() / best.sum()) if best.sum() else None
