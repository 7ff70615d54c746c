"""Newton's method for a convex function; numpy only."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

__all__ = ["Objective", "minimum"]

Floats = npt.NDArray[np.float64]
Objective = Callable[[Floats], tuple[float, Floats, Floats]]
"""At a point (n,): the value, the gradient (n,) and the Hessian (n, n), positive definite."""

STEPS = 50
HALVINGS = 30
CONVERGED = 1e-8


def minimum(objective: Objective, start: Floats) -> Floats:
    """Where `objective` is least, from `start` (n,) until a step moves nothing by 1e-8.

    A step that does not go down is halved: without that, one that shoots over to where the logistic
    is flat never comes back.
    """
    at = start
    value, gradient, hessian = objective(at)
    for _ in range(STEPS):
        step = np.linalg.solve(hessian, gradient)
        if np.abs(step).max(initial=0.0) < CONVERGED:
            break
        for halving in range(HALVINGS):
            new = at - step / 2**halving
            found = objective(new)
            if found[0] <= value:
                break
        else:
            break
        at, (value, gradient, hessian) = new, found
    return at
