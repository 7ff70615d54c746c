"""Does the quantised encoder decide as the fp32 one does?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_router.calibration import sigmoid

from .heads import LinearHead
from .rows import BadData

__all__ = ["MAX_FLIP_RATE", "ParityFailed", "parity", "require_parity"]

Floats = npt.NDArray[np.float64]

MAX_FLIP_RATE = 0.01


class ParityFailed(BadData):
    """More decisions than allowed differ between the int8 and the fp32 graph."""


def require_parity(checked: Mapping[str, Any]) -> None:
    """Raise ParityFailed when any pair flips more than MAX_FLIP_RATE at any operating point."""
    for point, pairs in checked["flip_rate"].items():
        worst = max(pairs, key=pairs.__getitem__)
        if pairs[worst] > MAX_FLIP_RATE:
            raise ParityFailed(
                f"{pairs[worst]:.2%} of the decisions {worst} at {point!r} flip between int8 and "
                f"fp32, {MAX_FLIP_RATE:.0%} may; give more layers finer inputs in quantize.py"
            )


def parity(
    int8: Floats, fp32: Floats, heads: Mapping[str, LinearHead], calibration: Mapping[str, Any]
) -> dict[str, Any]:
    """Compare representations (queries, dim) of the two graphs for the same queries.

    Gives the share of decisions that flip, for every operating point and pair of profiles, and how
    far estimates differ on the mean and at most.
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
