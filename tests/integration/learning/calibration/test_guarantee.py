"""Error rates of quality limits over many seeds."""

from __future__ import annotations

import numpy as np

from edge_router.learning.calibration.evidence import Evidence
from edge_router.learning.calibration.guarantee import (
    Promise,
    calibrate,
    quality_interval,
)
from edge_router.learning.calibration.targets import parse_targets
from made_evidence import made_evidence


def promised(evidence: Evidence, *targets: str, confidence: float = 0.95) -> Promise:
    return calibrate(evidence, parse_targets(targets), confidence=confidence)


def test_quality_limits_err_no_more_often_than_they_say() -> None:
    """100 samples of 300: each limit is wrong in at most 1 of 10, up to three standard errors."""
    large = made_evidence(50_000, seed=99)
    ask = large.turns >= 0.4
    truth = np.where(ask, large.strong.scores, large.weak.scores).mean()
    truth /= large.strong.scores.mean()
    result = [quality_interval(made_evidence(300, seed), 0.4, delta=0.1) for seed in range(100)]
    assert np.mean([one.low > truth for one in result]) <= 0.1 + 3 * 0.03
    assert np.mean([(one.high or 9) < truth for one in result]) <= 0.1 + 3 * 0.03
