"""Limited-memory BFGS, for the heads that are fitted on the device with numpy alone.

Nocedal and Wright, "Numerical Optimization" (2006), algorithms 7.4 and 7.5.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TypeVar

from edge_router.routing.arrays import Float32s, Float64s

__all__ = ["lbfgs"]

ENOUGH_DESCENT = 1e-4  # of what the slope promises (Armijo)

Point = TypeVar("Point", Float32s, Float64s)


def lbfgs(
    objective: Callable[[Point], tuple[float, Point]],
    start: Point,
    *,
    size_of: Callable[[Point], float],
    enough: float,
    relative: bool = False,
    memory: int,
    steps: int,
    halvings: int,
) -> Point:
    """The point (n,) at which a smooth `objective` is least, in the precision of `start`.

    `objective` gives the value at a point, and the gradient (n,). The search ends where the
    gradient's size, a norm, is at most `enough`, or that share of its size at `start` if
    `relative`; after so many `steps`; or where no step descends within so many `halvings`. `memory`
    pairs of steps and changes of the gradient stand for the curvature.
    """
    at = start
    value, gradient = objective(at)
    least = enough * size_of(gradient) if relative else enough
    pairs: deque[tuple[Point, Point]] = deque(maxlen=memory)
    for _ in range(steps):
        if (size := size_of(gradient)) <= least:
            break
        direction = _direction(gradient, pairs)
        slope = float(gradient @ direction)
        if slope >= 0:  # rounding: begin again
            pairs.clear()
            direction, slope = -gradient, -float(gradient @ gradient)
        rate = 1.0 if pairs else min(1.0, 1.0 / size)
        for _ in range(halvings):
            new = at + rate * direction
            new_value, new_gradient = objective(new)
            if new_value <= value + ENOUGH_DESCENT * rate * slope:
                break
            rate /= 2
        else:
            break
        step, change = new - at, new_gradient - gradient
        if float(step @ change) > 0:
            pairs.append((step, change))
        at, value, gradient = new, new_value, new_gradient
    return at


def _direction(gradient: Point, pairs: deque[tuple[Point, Point]]) -> Point:
    """Minus the inverse Hessian, as the `pairs` estimate it, times the gradient: the two-loop
    recursion (algorithm 7.4)."""
    direction = -gradient
    shares = []
    for step, change in reversed(pairs):
        share = float(step @ direction) / float(step @ change)
        direction = direction - share * change
        shares.append(share)
    if pairs:
        step, change = pairs[-1]
        direction = direction * (float(step @ change) / float(change @ change))
    for (step, change), share in zip(pairs, reversed(shares), strict=True):
        back = float(change @ direction) / float(step @ change)
        direction = direction + (share - back) * step
    return direction
