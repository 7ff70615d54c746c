"""L-BFGS: it finds the least point of functions whose optimum is known."""

from __future__ import annotations

import numpy as np
import pytest

from edge_router.learning.lbfgs import lbfgs
from edge_router.routing.arrays import Float64s


def rosenbrock(at: Float64s) -> tuple[float, Float64s]:
    """Least, 0, at (1, 1): a curved valley."""
    x, y = at.tolist()
    value = (1 - x) ** 2 + 100 * (y - x * x) ** 2
    return value, np.array([-2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)])


def largest(gradient: Float64s) -> float:
    return float(np.abs(gradient).max())


def least(start: Float64s, *, enough: float, relative: bool = False, steps: int = 200) -> Float64s:
    return lbfgs(
        rosenbrock,
        start,
        size_of=largest,
        enough=enough,
        relative=relative,
        memory=10,
        steps=steps,
        halvings=30,
    )


@pytest.mark.parametrize("start", [(-1.2, 1.0), (0.0, 0.0), (3.0, -2.0)])
def test_the_valley_is_followed_to_its_end(start: tuple[float, float]) -> None:
    """From either side."""
    np.testing.assert_allclose(least(np.array(start), enough=1e-9), [1.0, 1.0], atol=1e-6)


def test_it_ends_where_the_gradient_is_small_enough() -> None:
    """By itself, or as a share of what it was at the start."""
    start = np.array([-1.2, 1.0])
    first = largest(rosenbrock(start)[1])
    for relative, bound in ((False, 0.5), (True, 0.5 * first)):
        reached = largest(rosenbrock(least(start, enough=0.5, relative=relative))[1])
        assert 1e-6 < reached <= bound


def test_no_step_is_taken_from_the_least_point_or_beyond_the_count() -> None:
    """The start itself comes back."""
    assert least(np.array([1.0, 1.0]), enough=1e-9).tolist() == [1.0, 1.0]
    assert least(np.array([3.0, -2.0]), enough=1e-9, steps=0).tolist() == [3.0, -2.0]
