"""Evidence made by a seed: the harder a query, the less the weak expert knows and the more the
router expects to gain."""

from __future__ import annotations

import numpy as np

from edge_router.learning.calibration.evidence import Evidence, ExpertOutcomes


def made_evidence(rows: int, seed: int = 0) -> Evidence:
    """The weak expert is free and takes 1 s; the strong one, right 9 times in 10, costs 1 to 3
    tenths of a cent and takes 2 to 4 s."""
    rng = np.random.default_rng(seed)
    hard = rng.random(rows)
    weak = ExpertOutcomes((rng.random(rows) > hard).astype(float), np.zeros(rows), np.ones(rows))
    strong = ExpertOutcomes(
        (rng.random(rows) < 0.9).astype(float),
        0.001 + 0.002 * rng.random(rows),
        2 + 2 * rng.random(rows),
    )
    gains = np.clip(hard - 0.1 + 0.1 * rng.standard_normal(rows), -1, 1)
    return Evidence(
        gains, np.zeros(rows, dtype=np.bool_), weak, strong, {"made": rows}, {"hard": rows}
    )
