"""Does the quantised encoder decide as the fp32 one does?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_router.calibration import sigmoid

from .heads import LinearHead

__all__ = ["MAX_FLIP_RATE", "ParityFailed", "parity"]

Floats = npt.NDArray[np.float64]

MAX_FLIP_RATE = 0.01


class ParityFailed(RuntimeError):
    """More decisions than allowed differ between the int8 and the fp32 graph."""


def parity(
    int8: Floats, fp32: Floats, heads: Mapping[str, LinearHead], calibration: Mapping[str, Any]
) -> dict[str, Any]:
    """Compare representations (queries, dim) of the two graphs for the same queries.

    Gives, for every operating point, the mean share of decisions that flip over all pairs of
    profiles and the share of the pair that a fresh install uses, and the largest difference of
    any estimate.
    """
    temperature = calibration["temperature"]
    quality = [
        {name: sigmoid(head.log_odds(vectors) / temperature) for name, head in heads.items()}
        for vectors in (int8, fp32)
    ]
    flips = {
        point: {pair: _flip_rate(quality, pair, gain) for pair, gain in found["min_gain"].items()}
        for point, found in calibration["operating_points"].items()
    }
    return {
        "queries": len(int8),
        "mean_cosine": float(np.mean(_cosine(int8, fp32))),
        "max_quality_difference": max(
            float(np.abs(quality[0][name] - quality[1][name]).max()) for name in heads
        ),
        "mean_quality_difference": float(
            np.mean([np.abs(quality[0][name] - quality[1][name]).mean() for name in heads])
        ),
        "flip_rate": flips,
    }


def _flip_rate(quality: list[dict[str, Floats]], pair: str, gain: float) -> float:
    weak, strong = pair.split(">")
    int8, fp32 = (q[strong] - q[weak] >= gain for q in quality)
    return float((int8 != fp32).mean())


def _cosine(a: Floats, b: Floats) -> Floats:
    product: Floats = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    return product
