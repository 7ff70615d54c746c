"""Where an expert stands beside the profiles and a rival."""

from __future__ import annotations

import numpy as np
import pytest

from edge_router.learning.enrolment.summary import Standing
from edge_router.routing.logistic import Gaussian, with_bias

DESIGN = with_bias(np.array([[-1.0], [0.0], [1.0]]))
SURE = 1e-8 * np.eye(2)


def _standing(mean: list[float], rival: list[float]) -> Standing:
    belief = Gaussian.of(np.array(mean), SURE)
    return Standing.of(
        belief, DESIGN, {"p": np.zeros(2)}, name="new", rival=("other", np.array(rival))
    )


def test_the_mean_quality_stands_beside_the_profiles() -> None:
    """A head of even odds is right half of the time, and so is a profile of zeros."""
    found = _standing([0.0, 0.0], [2.0, 0.0])
    assert (found.queries, found.quality) == (3, pytest.approx(0.5))
    assert found.low == pytest.approx(found.high, abs=1e-3)
    assert found.profiles == {"p": pytest.approx(0.5)}


def test_equal_gains_recover_as_random_does() -> None:
    """APGR 0.5, whichever of the two is the stronger."""
    above, below = _standing([0.0, 0.0], [2.0, 0.0]).gap, _standing([2.0, 0.0], [0.0, 0.0]).gap
    assert above is not None
    assert below is not None
    assert (above.weak, above.strong, above.apgr) == ("new", "other", pytest.approx(0.5))
    assert (below.weak, below.strong) == ("other", "new")


def test_apgr_by_hand() -> None:
    """Gains 1/2, 0 and -1/2 + all in one query: the area under the recovered share."""
    quality = 1 / (1 + np.exp(-np.array([-2.0, 0.0, 2.0])))
    gains = np.sort(0.9 - quality)[::-1]
    share = np.concatenate([[0], np.cumsum(gains) / gains.sum()])
    found = _standing([0.0, 2.0], [np.log(9), 0.0]).gap
    assert found is not None
    assert found.apgr == pytest.approx(np.trapezoid(share, dx=1 / 3), abs=1e-6)
    assert found.low <= found.apgr + 1e-3
    assert found.high >= found.apgr - 1e-3


def test_no_gap_no_share_of_it() -> None:
    """Two equal experts."""
    assert _standing([0.0, 0.0], [0.0, 0.0]).gap is None
