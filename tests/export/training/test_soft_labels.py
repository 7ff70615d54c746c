"""The teacher's opinion: each network counts where it has studied."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra `export` is not installed")

from edge_router.export.training.soft_labels import Opinion, Specialist

QUERIES, EXPERTS, SIZES = 3, 2, 6


def broad() -> Opinion:
    """Says 1.0 of every expert and 2.0 of every size."""
    return Opinion(
        experts=np.full((QUERIES, EXPERTS), 1.0, np.float32),
        sizes=np.full((QUERIES, SIZES), 2.0, np.float32),
        needs_tools=np.full((QUERIES, 1), 5.0, np.float32),
        log_tokens=np.full((QUERIES, 1), 3.0, np.float32),
        kinds=np.full((QUERIES, 1), 1.0, np.float32),
    )


def specialist(rows: list[bool], says: float, weight: float = 1.0) -> Specialist:
    """Knows the second expert only."""
    return Specialist(
        rows=np.array(rows),
        known=np.array([False, True]),
        experts=np.full((sum(rows), 1), says, np.float32),
        sizes=np.full((sum(rows), SIZES), says, np.float32),
        needs_tools=np.full((sum(rows), 1), says, np.float32),
        log_tokens=np.full((sum(rows), 1), says, np.float32),
        weight=weight,
    )


def test_an_expert_is_the_mean_of_all_networks_that_know_it() -> None:
    """One, two or three of them."""
    both = broad().joined(
        [specialist([True, True, False], 4.0), specialist([True, False, False], 7.0)]
    )
    np.testing.assert_allclose(both.experts, [[1.0, 4.0], [1.0, 2.5], [1.0, 1.0]])


def test_a_size_is_what_the_specialists_say() -> None:
    """And the broad network's where there is none."""
    both = broad().joined(
        [specialist([True, True, False], 4.0), specialist([True, False, False], 7.0)]
    )
    np.testing.assert_allclose(both.sizes[:, 0], [5.5, 4.0, 2.0])
    np.testing.assert_allclose(both.sizes, both.sizes[:, :1].repeat(SIZES, axis=1))


def test_so_are_the_length_and_the_need_of_tools() -> None:
    """Where there is a specialist; kinds are the broad network's everywhere."""
    both = broad().joined([specialist([True, False, False], 4.0)])
    assert both.needs_tools.tolist() == [[4.0], [5.0], [5.0]]
    assert both.log_tokens.tolist() == [[4.0], [3.0], [3.0]]
    np.testing.assert_array_equal(both.kinds, broad().kinds)


def test_a_specialist_counts_by_its_weight() -> None:
    """As many networks."""
    both = broad().joined(
        [specialist([True, True, False], 4.0), specialist([True, False, False], 8.0, weight=3.0)]
    )
    np.testing.assert_allclose(both.sizes[:, 0], [7.0, 4.0, 2.0])


def test_a_specialist_that_says_nothing_of_a_size_does_not_count_there() -> None:
    """NaN; the others, or the broad network, speak for it."""
    silent = specialist([True, False, True], 8.0)
    silent.sizes[:, 1] = np.nan
    both = broad().joined([specialist([True, True, False], 4.0), silent])
    np.testing.assert_allclose(both.sizes[:, 0], [6.0, 4.0, 8.0])
    np.testing.assert_allclose(both.sizes[:, 1], [4.0, 4.0, 2.0])
