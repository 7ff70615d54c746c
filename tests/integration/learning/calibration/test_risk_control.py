"""Error rates of risk control over many seeds."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from edge_router.learning.calibration.evidence import Evidence, ExpertOutcomes
from edge_router.learning.calibration.risk_control import (
    most_usd,
    risks,
    risks_hold,
)
from edge_router.learning.calibration.targets import parse_targets
from made_evidence import made_evidence

LARGE = made_evidence(50_000, seed=99)  # its means are taken for the truth


def drawn(pool: Evidence, rows: np.ndarray) -> Evidence:
    """Some rows of a pool."""

    def side(outcomes: ExpertOutcomes) -> ExpertOutcomes:
        assert outcomes.cost_usd is not None
        return ExpertOutcomes(
            outcomes.scores[rows], outcomes.cost_usd[rows], outcomes.latency_s[rows]
        )

    return replace(
        pool,
        turns=pool.turns[rows],
        strong_is_cheaper=pool.strong_is_cheaper[rows],
        weak=side(pool.weak),
        strong=side(pool.strong),
    )


@pytest.mark.parametrize(
    "target",
    ["quality>=0.9", "strong_calls<=0.3", "cost<=1/1000", "p95_latency<=3.8"],
)
def test_a_target_is_missed_no_more_often_than_the_risk(target: str) -> None:
    """300 samples of 200 from a known population: at most 1 in 10, up to three standard errors;
    and nearly all of them do support it."""
    targets = parse_targets([target])
    (truth,) = risks(targets, LARGE)
    fine = truth.means(LARGE.turns) <= truth.level
    rng = np.random.default_rng(5)
    missed = supported = 0
    for _ in range(15):
        rows = rng.integers(0, len(LARGE), (20, 200))
        sample = drawn(LARGE, rows)
        most = most_usd(LARGE)
        asked = risks(targets, sample, max_cost_usd=most)
        good = risks_hold(asked, sample.turns, 0.1)
        missed += int((good & ~fine).any(axis=-1).sum())
        supported += int(good.any(axis=-1).sum())
    assert missed / 300 <= 0.1 + 3 * math.sqrt(0.1 * 0.9 / 300)
    assert supported / 300 > 0.9
