"""Newton's method with halved steps, on functions whose minimum is known."""

from __future__ import annotations

import numpy as np
import pytest

from edge_router.routing.arrays import Float64s
from edge_router.routing.logistic import minimum, sigmoid


def test_a_parabola_takes_one_step() -> None:
    """And a second look, which finds nothing to gain."""
    asked: list[Float64s] = []
    hessian = np.array([[2.0, 0.5], [0.5, 1.0]])

    def bowl(at: Float64s) -> tuple[float, Float64s, Float64s]:
        asked.append(at)
        away = at - [3.0, -1.0]
        return float(away @ hessian @ away) / 2, hessian @ away, hessian

    assert minimum(bowl, np.zeros(2)) == pytest.approx([3, -1])
    assert len(asked) == 2


@pytest.mark.parametrize("start", [0.0, 8.0, -8.0])
def test_it_comes_back_from_where_the_logistic_is_flat(start: float) -> None:
    """One good answer of four: log-odds of -ln 3, wherever it starts; whole steps run away."""

    def loss(at: Float64s) -> tuple[float, Float64s, Float64s]:
        good = sigmoid(at)
        value = float(np.logaddexp(0, at[0]) - 0.25 * at[0])
        return value, good - 0.25, np.atleast_2d(good * (1 - good) + 1e-12)

    assert minimum(loss, np.array([start])) == pytest.approx([-np.log(3)])


def test_nothing_to_choose_is_no_error() -> None:
    """A function of no parameters."""
    assert minimum(lambda at: (0.0, at, np.zeros((0, 0))), np.zeros(0)).shape == (0,)
