"""Grids and turns."""

from __future__ import annotations

import argparse
from collections import Counter
from functools import partial

import pytest

from edge_router.benchmarks.measuring.grid import grid, names, numbers
from edge_router.benchmarks.measuring.timing import interleaved


def test_lists_make_a_grid() -> None:
    """The last axis moves fastest."""
    result = list(grid({"tokens": (8, 32), "threads": (1, 2)}))
    assert [(cell["tokens"], cell["threads"]) for cell in result] == [
        (8, 1),
        (8, 2),
        (32, 1),
        (32, 2),
    ]


def test_options_are_lists() -> None:
    """With commas between."""
    assert numbers("8,32,128") == (8, 32, 128)
    assert names("litellm, kolmo") == ("litellm", "kolmo")


@pytest.mark.parametrize("text", ["", "8,", "0", "-1", "x"])
def test_what_is_no_list_of_numbers_is_refused(text: str) -> None:
    """And the message shows one that is."""
    with pytest.raises(argparse.ArgumentTypeError, match="8,32,128"):
        numbers(text)


def test_contenders_take_turns_and_the_warm_up_is_left_out() -> None:
    """Everyone is first as often as everyone else."""
    calls: list[str] = []

    def sample(name: str) -> float:
        calls.append(name)
        return float(len(calls))

    result = interleaved({n: partial(sample, n) for n in "abc"}, repetitions=6, warm_up=2)
    assert Counter(calls) == {"a": 8, "b": 8, "c": 8}
    assert {name: len(samples) for name, samples in result.items()} == {"a": 6, "b": 6, "c": 6}
    assert min(min(samples) for samples in result.values()) == 7.0  # two rounds of three came first
    rounds = [calls[at : at + 3] for at in range(6, 24, 3)]
    assert Counter(one[0] for one in rounds) == {"a": 2, "b": 2, "c": 2}
    assert all(sorted(one) == ["a", "b", "c"] for one in rounds)
