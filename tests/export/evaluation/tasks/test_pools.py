"""Which experts make a pool (RouterEval, section 4.2) and how pools scale (section 3)."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

pytest.importorskip("tqdm", reason="the extra `export` is not installed")
from hypothesis import given
from hypothesis import strategies as st

from edge_router.export.evaluation.tasks import pools
from edge_router.export.evaluation.tasks.pools import (
    best_pool,
    candidates,
    known_together,
    options,
    scaling,
)

ALL = np.ones(4, dtype=bool)


def test_candidates_are_ranked_and_neither_hopeless_nor_perfect() -> None:
    """Means of 0, 0.5, 0.25 and 1 leave the third and the second."""
    scores = np.array([[0, 1, 1, 1], [0, 1, 0, 1], [0, 0, 0, 1], [0, 0, 0, 1]], dtype=float)
    assert candidates(scores, ALL).tolist() == [2, 1]
    assert candidates(scores, ~ALL).tolist() == []


def test_four_fifths_of_the_rows_know_all_candidates() -> None:
    """One that misses a fifth is in, one that misses more is out: it would cost too many rows."""
    known = np.ones((10, 4), dtype=bool)
    known[:2, 1], known[:3, 3] = False, False
    assert known_together(known).tolist() == [0, 1, 2]
    assert known_together(np.array([[True, False], [True, False], [True, True]])).tolist() == [0]


def test_fifths_and_slices() -> None:
    """Of fifteen: the three best, the three worst, and three times five."""
    result = options(np.arange(15), 3)
    assert [place.tolist() for place in result["all-strong"]] == [[12, 13, 14]] * 3
    assert [place.tolist() for place in result["all-weak"]] == [[0, 1, 2]] * 3
    assert [len(place) for place in result["strong-to-weak"]] == [5, 5, 5]
    assert options(np.arange(14), 3).keys() == {"strong-to-weak"}
    assert options(np.arange(2), 3) == {}


def test_the_best_pool_complements_itself() -> None:
    """Two experts that fail together lose to two that fail apart."""
    scores = np.array([[1, 1, 0], [1, 1, 0], [0, 0, 1], [1, 0, 0]], dtype=float)
    assert best_pool(scores, [np.arange(3)] * 2).tolist() == [0, 2]


@given(st.integers(0, 999))
def test_few_pools_are_all_tried(seed: int) -> None:
    """No choice of one from each slice has a better oracle."""
    scores = (np.random.default_rng(seed).random((30, 6)) < 0.4) * 1.0
    places = np.array_split(np.arange(6), 3)
    result = scores[:, best_pool(scores, places)].max(axis=1).mean()
    assert result == max(scores[:, list(p)].max(axis=1).mean() for p in product(*places))


def test_experts_of_a_part_of_the_rows_are_taken_with_that_part() -> None:
    """Two experts on all forty rows, eight more on ten of them: ten experts on ten rows are more
    cells than two on forty. Where half of them are known on all rows, those are enough."""
    known = np.zeros((40, 10), dtype=bool)
    known[:, :2], known[:10, 2:] = True, True
    assert known_together(known).tolist() == list(range(10))
    known[:, :6] = True
    assert known_together(known).tolist() == list(range(6))


def test_a_found_pool_is_swapped_until_nothing_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Greedy takes the best expert first and keeps it; the two that complement each other are
    better without it, and no swap of one then helps."""
    scores = np.array(
        [[1, 1, 0], [1, 1, 0], [1, 0, 1], [1, 0, 1], [0, 1, 0], [0, 1, 0], [0, 0, 1]], dtype=float
    )
    places = [np.arange(3)] * 2
    monkeypatch.setattr(pools, "EXHAUSTIVE", 0)
    assert pools._greedy_pool(scores, places).tolist()[0] == 0
    assert sorted(best_pool(scores, places).tolist()) == [1, 2]


@given(st.integers(0, 199))
def test_no_swap_of_one_helps_a_found_pool(seed: int) -> None:
    """In pools from one set and in slices; nobody stands there twice, and each at its place."""
    scores = (np.random.default_rng(seed).random((30, 9)) < 0.4) * 1.0
    for places in ([np.arange(9)] * 4, np.array_split(np.arange(9), 4)):
        found = pools._swapped(scores, places, pools._greedy_pool(scores, places)).tolist()
        reached = scores[:, found].max(axis=1).mean()
        assert len(set(found)) == 4
        for at, place in enumerate(places):
            assert found[at] in place
            for other in set(place.tolist()) - set(found):
                swapped = [*found[:at], other, *found[at + 1 :]]
                assert scores[:, swapped].max(axis=1).mean() <= reached + 1e-9


def test_many_pools_are_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Step by step, none twice; the result is close to the best."""
    scores = (np.random.default_rng(0).random((80, 9)) < 0.3) * 1.0
    places = [np.arange(9)] * 4
    best = scores[:, best_pool(scores, places)].max(axis=1).mean()
    monkeypatch.setattr(pools, "EXHAUSTIVE", 1)
    greedy = best_pool(scores, places)
    assert len(set(greedy.tolist())) == 4
    assert best * 0.9 <= scores[:, greedy].max(axis=1).mean() <= best


def test_scaling_by_hand() -> None:
    """Two experts that are right on one half each: 0.5 alone, and together 0.5 to 1 with p."""
    scores = np.array([[1.0, 0.0], [0.0, 1.0]])
    result = scaling("t", scores, pools=5)
    assert result.sizes == (1, 2)
    assert result.mean[:, 0] == pytest.approx([0.5] * 5)
    assert result.mean[:, 1] == pytest.approx([0.5, 0.625, 0.75, 0.875, 1.0])
    assert result.best_single == 0.5
    assert (result.low <= result.mean + 1e-12).all()
    assert (result.mean <= result.high + 1e-12).all()


def test_scaling_grows_with_the_pool_for_an_oracle_only() -> None:
    """The mean of r_o(1) never falls with the size; that of a random choice stays."""
    scores = (np.random.default_rng(1).random((200, 12)) < 0.5) * 1.0
    result = scaling("t", scores)
    assert (np.diff(result.mean[-1]) > 0).all()
    assert np.ptp(result.mean[0]) < 0.02
