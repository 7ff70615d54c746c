"""How well a confidence tells good answers from bad ones: selective risk over coverage."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["aurc", "risk_at", "selective_risk"]

Floats = npt.NDArray[np.float64]


def selective_risk(confidence: Floats, scores: Floats) -> Floats:
    """(answers,) mean loss of the k answers of highest confidence, for k = 1 to all.

    The loss is 1 - score (Geifman and El-Yaniv 2017, equation 2, for scores in 0..1). Answers of
    equal confidence count as if in random order. Both arrays (answers,), at least one.
    """
    order = np.argsort(-confidence, kind="stable")
    starts = np.flatnonzero(np.diff(confidence[order], prepend=np.inf))  # one per confidence
    sizes = np.diff(starts, append=len(order))
    mean_loss = np.add.reduceat(1 - scores[order], starts) / sizes
    found: Floats = np.cumsum(np.repeat(mean_loss, sizes)) / np.arange(1, len(order) + 1)
    return found


def aurc(confidence: Floats, scores: Floats) -> float:
    """Area under the risk-coverage curve, 0..1, lower is better (Geifman et al. 2019, section 3).

    The mean of the selective risk over all coverages; without any skill it is the mean loss.
    """
    return float(selective_risk(confidence, scores).mean())


def risk_at(coverage: float, confidence: Floats, scores: Floats) -> float:
    """Selective risk when the share `coverage` (0..1) of the answers is kept, at least one."""
    kept = max(1, round(coverage * len(scores)))
    return float(selective_risk(confidence, scores)[kept - 1])
