"""Corrections of estimates, by hand and as laws."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_router.routing.deciding.operating_point import Correction, fingerprint
from edge_router.routing.logistic import log_odds
from made_log import expert

SOME = Correction(1.4, -0.6)
CORRECTIONS = st.builds(Correction, st.floats(0.25, 4), st.floats(-3, 3))


def test_log_odds_by_hand() -> None:
    """A half is 0, three quarters are log 3; certainty is bounded."""
    assert log_odds(np.array([0.5, 0.75])) == pytest.approx([0, np.log(3)])
    assert np.isfinite(log_odds(np.array([0.0, 1.0]))).all()


def test_a_corrected_expert_gives_corrected_estimates() -> None:
    """Through another temperature and bias; the rest of it stays."""
    one = expert("e", 1.5)
    one = replace(one, head=replace(one.head, bias=0.3, temperature=1.7))
    query = np.array([[0.8]])
    expected = SOME.corrected(one.head.qualities(query))
    found = SOME.of(one)
    assert found.head.qualities(query) == pytest.approx(expected)
    assert replace(found, head=one.head) == one


@given(CORRECTIONS, st.floats(0.001, 0.999))
def test_what_was_corrected_can_be_undone(correction: Correction, quality: float) -> None:
    """So that a fit to the uncorrected estimate gets it back."""
    corrected = float(correction.corrected(np.array(quality)))
    if 1e-5 < corrected < 1 - 1e-5:
        assert correction.undone(corrected) == pytest.approx(quality, abs=1e-6)


@given(CORRECTIONS, st.lists(st.floats(0, 1), min_size=2, max_size=9))
def test_a_correction_keeps_the_order(correction: Correction, qualities: list[float]) -> None:
    """And stays a probability."""
    found = correction.corrected(np.sort(qualities))
    assert (np.diff(found) >= 0).all()
    assert ((found >= 0) & (found <= 1)).all()


def test_no_correction_changes_nothing() -> None:
    """Temperature 1, bias 0."""
    assert Correction(1.0, 0.0).corrected(np.array([0.2, 0.9])) == pytest.approx([0.2, 0.9])


def test_a_fingerprint_tells_heads_apart() -> None:
    """By what decides quality, and by nothing else."""
    head = expert("e", 1.5).head
    same = replace(head, weights=head.weights.copy(), log_tokens=9.0)
    others = [
        replace(head, bias=0.1),
        replace(head, temperature=2.0),
        replace(head, weights=head.weights + 1),
    ]
    assert fingerprint(same) == fingerprint(head)
    assert len({fingerprint(other) for other in [head, *others]}) == 4


@pytest.mark.parametrize(
    "numbers", [(0.0, 0.0), (-1.0, 0.0), (float("nan"), 0.0), (1.0, float("inf"))]
)
def test_numbers_that_correct_nothing_are_refused(numbers: tuple[float, float]) -> None:
    """By name and value."""
    with pytest.raises(ValueError, match="a correction has temperature"):
        Correction(*numbers).check()
