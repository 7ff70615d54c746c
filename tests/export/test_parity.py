"""The parity gate: flips counted by hand, and refused above the limit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edge_router.export.heads import LinearHead
from edge_router.export.parity import ParityFailed, parity, require_parity

HEADS = {"135m": LinearHead(0.0, np.array([0.0])), "frontier": LinearHead(0.0, np.array([1.0]))}
CALIBRATION: dict[str, Any] = {
    "temperature": 1.0,
    "operating_points": {"p": {"min_gain": {"135m>frontier": 0.1}}},
}
THRESHOLD = np.log(0.6 / 0.4)  # here the gain is 0.6 - 0.5


def checked(below: int, above: int) -> dict[str, Any]:
    """`below` of the queries lie under the threshold in fp32 and over it in int8."""
    fp32 = np.full((below + above, 1), THRESHOLD + 0.5)
    fp32[:below] = THRESHOLD - 0.01
    int8 = fp32.copy()
    int8[:below] = THRESHOLD + 0.01
    return parity(int8, fp32, HEADS, CALIBRATION)


def test_a_flip_is_a_decision_that_differs() -> None:
    """Three of a hundred cross the threshold; the others move nothing."""
    found = checked(3, 97)
    assert found["flip_rate"] == {"p": {"135m>frontier": 0.03}}
    assert found["queries"] == 100
    assert 0 < found["mean_quality_difference"] < found["max_quality_difference"] < 0.01


def test_more_than_one_percent_is_refused_by_name() -> None:
    """One percent is still fine."""
    require_parity(checked(1, 99))
    with pytest.raises(ParityFailed, match=r"3\.00%.*135m>frontier at 'p'"):
        require_parity(checked(3, 97))
