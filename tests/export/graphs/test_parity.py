"""The parity gate: flips counted by hand, and refused above the limit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edge_router.export.graphs.parity import ParityFailed, parity, require_parity
from edge_router.export.training.heads import LinearHead

HEADS = {"135m": LinearHead(0.0, np.array([0.0])), "frontier": LinearHead(0.0, np.array([1.0]))}
CALIBRATION: dict[str, Any] = {
    "temperature": 1.0,
    "operating_points": {"p": {"price": 0.1}},
}
THRESHOLD = np.log(0.6 / 0.4)  # here the gain is 0.6 - 0.5


def checked(below: int, above: int) -> dict[str, Any]:
    """`below` of the queries lie under the threshold in fp32 and over it in int8."""
    fp32 = np.full((below + above, 1), THRESHOLD + 0.5)
    fp32[:below] = THRESHOLD - 0.01
    int8 = fp32.copy()
    int8[:below] = THRESHOLD + 0.01
    right = np.where(np.arange(below + above) % 2, 1.0, np.nan)  # every other one is known
    right[-1] = 0.0
    return parity(int8, fp32, HEADS, CALIBRATION, scores={"frontier": right})


def test_a_flip_is_a_decision_that_differs() -> None:
    """Three of a hundred cross the threshold; the others move nothing."""
    result = checked(3, 97)
    assert result["flip_rate"] == {"p": {"135m>frontier": 0.03}}
    assert result["queries"] == 100
    assert 0 < result["mean_quality_difference"] < result["max_quality_difference"] < 0.01


def test_more_than_one_percent_is_refused_by_name() -> None:
    """One percent is still fine, on the mean over the pairs and for a pair alone."""
    require_parity(checked(10, 990))
    with pytest.raises(ParityFailed, match=r"2\.00% of the decisions on the mean at 'p'"):
        require_parity(checked(20, 980))


def test_one_pair_may_flip_a_little_more() -> None:
    """Up to two and a half percent, where the others make up for it."""
    others = {f"1b>{n}": 0.0 for n in range(9)}
    sound = checked(10, 990)
    flips = {"p": {"135m>frontier": 0.02} | others}
    require_parity(sound | {"flip_rate": flips})
    with pytest.raises(ParityFailed, match=r"3\.00% of the decisions 135m>frontier at 'p'"):
        require_parity(sound | {"flip_rate": {"p": {"135m>frontier": 0.03} | others}})


def test_on_few_queries_a_flip_is_no_proof() -> None:
    """Two of a hundred may be chance, six are not."""
    require_parity(checked(2, 98))
    with pytest.raises(ParityFailed, match=r"6\.00% .* 2\.6% may; give the recipe more epochs"):
        require_parity(checked(6, 94))


def test_the_auc_drop_counts_pairs_that_change_order() -> None:
    """int8 ties two of the four right-wrong pairs that fp32 has in order."""
    fp32, int8 = np.array([[4.0], [3.0], [2.0], [1.0]]), np.array([[2.0], [2.0], [2.0], [1.0]])
    scores = {"frontier": np.array([1.0, 1.0, 0.0, 0.0]), "135m": np.array([1.0, np.nan, 1.0, 1.0])}
    assert parity(int8, fp32, HEADS, CALIBRATION, scores=scores)["auc_drop"] == {}  # too few
    int8, fp32 = np.repeat(int8, 5, axis=0), np.repeat(fp32, 5, axis=0)
    scores = {name: np.repeat(known, 5) for name, known in scores.items()}
    result = parity(int8, fp32, HEADS, CALIBRATION, scores=scores)
    assert result["auc_drop"] == {"frontier": pytest.approx(1.0 - 0.75)}
    with pytest.raises(ParityFailed, match=r"the AUC of frontier drops by 0\.2500"):
        require_parity(result)
