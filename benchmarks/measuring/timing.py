"""Sampling: contenders take turns, so that a drift of the machine affects all alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TypeVar

__all__ = ["interleaved", "timed"]

Name = TypeVar("Name")


def timed(call: Callable[[], object]) -> float:
    """Seconds of one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def interleaved(
    samplers: Mapping[Name, Callable[[], float]], *, repetitions: int, warm_up: int
) -> dict[Name, list[float]]:
    """`repetitions` samples of each, taken in rounds of one each after `warm_up` left-out rounds.

    A sampler makes one call and returns its sample. The order rotates by one each round and every
    second round runs backwards, so that none always follows the same other.
    """
    names = list(samplers)
    samples: dict[Name, list[float]] = {name: [] for name in names}
    for number in range(-warm_up, repetitions):
        turn = number % len(names)
        order = [*names[turn:], *names[:turn]]
        for name in reversed(order) if number % 2 else order:
            sample = samplers[name]()
            if number >= 0:
                samples[name].append(sample)
    return samples
