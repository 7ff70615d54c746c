"""Rows of the log: which are informative, and the arrays made from them."""

from __future__ import annotations

import numpy as np
import pytest

from edge_router.errors import LearningError
from edge_router.learning.outcomes.propensity import (
    LeftOut,
    LoggedOutcomes,
    effective_size,
    sort_out,
)
from edge_router.routing.deciding.operating_point import Correction
from edge_router.routing.deciding.price import LEAVING
from edge_router.routing.experts.expert import Estimate
from edge_router.routing.logistic import sigmoid
from made_log import EXPERTS, ROUTER, expert, row

NAN = float("nan")
NAMES = ("weak", "strong")


def test_effective_size_by_hand() -> None:
    """Equal weights count whole; (1 + 1 + 2)^2 / (1 + 1 + 4) is 8 / 3; nothing is nothing."""
    assert effective_size(np.ones(7)) == pytest.approx(7)
    assert effective_size(np.array([1.0, 1.0, 2.0])) == pytest.approx(8 / 3)
    assert effective_size(np.zeros(3)) == 0


def test_uninformative_rows_are_counted_by_reason() -> None:
    """The first reason that applies counts."""
    rows = [
        row(0),
        row(1, artifact="0" * 64, score=None),
        row(2, score=None),
        row(3, score=None, answered_by="strong"),
        row(4, answered_by="strong"),
        row(5, expert="gone"),
        row(6, propensity=1.0, rival=None),
        row(7, rival="gone"),
        row(8, ended="broken"),
        row(9, ended="cancelled"),
        row(10),
        row(11, propensity=1.0, rival=None),
    ]
    kept, left_out = sort_out(rows, NAMES, ROUTER, lambda row: row.id in ("id-10", "id-11"))
    assert [one.id for one in kept] == ["id-0", "id-7", "id-9"]
    assert left_out == {
        LeftOut.OTHER_ROUTER: 1,
        LeftOut.NOT_SCORED: 2,
        LeftOut.BROKE_OFF: 1,
        LeftOut.ANOTHER_ANSWERED: 1,
        LeftOut.NOT_CONFIGURED: 1,
        LeftOut.NEEDS_TOOLS: 2,
        LeftOut.NO_CHOICE: 1,
    }


def test_rows_become_arrays() -> None:
    """By the numbers of the experts; a rival that is gone has none."""
    log = LoggedOutcomes.of(
        [row(0, z=0.7), row(1, z=-2.0, expert="strong", rival="gone", propensity=0.25, score=0.5)],
        EXPERTS,
    )
    assert log.experts == NAMES
    assert log.estimates == pytest.approx(sigmoid(np.array([[-0.7, 0.7], [2.0, -2.0]])), abs=1e-6)
    assert (log.chosen.tolist(), log.rival.tolist()) == ([0, 1], [1, -1])
    assert (log.propensity.tolist(), log.scores.tolist()) == ([0.8, 0.25], [1.0, 0.5])


def test_no_rows_become_empty_arrays() -> None:
    """Of the right shapes."""
    log = LoggedOutcomes.of([], EXPERTS)
    assert (len(log), log.estimates.shape) == (0, (0, 2))


def test_estimates_are_those_before_any_correction() -> None:
    """Whatever the log says was expected: it may have been corrected."""
    corrected = tuple(Correction(2.0, 1.0).of(expert) for expert in EXPERTS)
    plain = LoggedOutcomes.of([row(z=1.0)], EXPERTS).estimates
    assert plain == pytest.approx(sigmoid(np.array([[-1.0, 1.0]])))
    assert LoggedOutcomes.of([row(z=1.0)], corrected).estimates != pytest.approx(plain)


def test_a_damaged_representation_is_refused() -> None:
    """With its answer, and the way out."""
    damaged = row(3, vector=np.zeros(5, dtype=np.float32))
    with pytest.raises(LearningError, match=r"'id-3' is logged with 5 numbers, .* log clear"):
        LoggedOutcomes.of([row(), damaged], EXPERTS)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"propensity": 0.0}, "propensity of 0 is logged; it must be between 0 and 1"),
        ({"propensity": NAN}, "propensity of nan"),
        ({"score": 1.5}, r"score of 1\.5 is logged; it must be in 0\.\.1"),
        ({"z": NAN}, "estimate of nan"),
    ],
)
def test_numbers_that_cannot_be_are_refused(changes: dict[str, float], told: str) -> None:
    """By name and value."""
    with pytest.raises(LearningError, match=told):
        LoggedOutcomes.of([row(**changes)], EXPERTS)  # type: ignore[arg-type]


def test_an_expense_is_beside_all_that_were_compared() -> None:
    """Of the dollars expected then; NaN for an expert that was not there, and at the user's own
    worth of a second the slow one is the dearest."""
    then = {
        "weak": Estimate("weak", 0.5, 0.0, 30.0, 9.0),
        "strong": Estimate("strong", 0.5, 0.01, 1.0, 9.0),
        "gone": Estimate("gone", 0.5, 0.04, 1.0, 9.0),
    }
    rows = [row(0), row(1, estimates=then)]
    new = expert("new", 1.0)
    found = LoggedOutcomes.of(rows, (*EXPERTS, new)).expense
    assert found[:, :2].tolist() == [[0.0, 1.0], [0.0, 0.25]]
    assert np.isnan(found[:, 2]).all()
    slow = LoggedOutcomes.of(rows[1:], EXPERTS, usd_per_second=0.01).expense
    assert slow.tolist() == [[1.0, LEAVING]]
