"""Routers that look up neighbours and clusters: what they find, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from edge_router.export.routers.base import Pool, Queries
from edge_router.export.routers.lookups.clusters import ClusterRouter, k_means
from edge_router.export.routers.lookups.neighbours import NearestNeighbour, PRknn
from edge_router.export.routers.validation import best_setting, lift_error, split_off
from edge_router.routing.arrays import Float64s

DEGREES = np.array([0, 10, 20, 90, 100, 110])
SCORES = np.array([[0.0, 0.9], [0.2, 0.8], [0.4, 0.4], [1.0, 0.1], [0.7, 0.2], [0.7, 0.3]])


def directions(degrees: Float64s) -> Queries:
    """Queries whose embeddings point in these directions of a plane."""
    angle = np.deg2rad(degrees)
    count = len(angle)
    vectors = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return Queries(("",) * count, np.array([""] * count), np.zeros(count, dtype=int), vectors)


def pool() -> Pool:
    """Six known directions in two groups; the first expert is the better one in the second."""
    return Pool(directions(DEGREES), ("a", "b"), SCORES)


def test_the_nearest_training_query_decides() -> None:
    """13 degrees is nearest to 10, 84 to 90."""
    router = NearestNeighbour()
    router.fit(pool(), seed=0)
    assert router.utilities(directions(np.array([13, 84]))).tolist() == SCORES[[1, 3]].tolist()


def test_prknn_predicts_the_mean_of_the_neighbours() -> None:
    """The three nearest to 12 degrees are the first group, to 99 the second."""
    router = PRknn(counts=(3,))
    router.fit(pool(), seed=0)
    expected = [SCORES[:3].mean(axis=0), SCORES[3:].mean(axis=0)]
    assert router.utilities(directions(np.array([12, 99]))) == pytest.approx(np.array(expected))


def test_more_neighbours_than_queries_are_all_of_them() -> None:
    """A pool of six has no tenth neighbour."""
    router = PRknn(counts=(10,))
    router.fit(pool(), seed=0)
    assert router.utilities(directions(np.array([45])))[0] == pytest.approx(SCORES.mean(axis=0))


def test_prknn_takes_few_neighbours_where_few_are_alike(chat_and_maths: Pool) -> None:
    """400 neighbours of 540 are of both kinds, five are of one."""
    router = PRknn(counts=(400, 5))
    router.fit(chat_and_maths, seed=0)
    assert router._count == 5


def test_k_means_finds_the_centres_by_hand() -> None:
    """Two groups on a line."""
    result = k_means(np.array([[0.0], [1.0], [2.0], [10.0], [12.0]]), 2, seed=0)
    assert sorted(result.ravel().tolist()) == pytest.approx([1.0, 11.0])


def test_no_more_clusters_than_different_queries() -> None:
    """Repeated queries make no cluster of their own."""
    assert len(k_means(np.array([[0.0], [0.0], [1.0]]), 3, seed=0)) == 2


def test_a_cluster_is_worth_its_mean_scores() -> None:
    """Two groups of directions, two clusters; the larger mean is the cluster's expert."""
    router = ClusterRouter(counts=(2,))
    router.fit(pool(), seed=0)
    expected = [SCORES[:3].mean(axis=0), SCORES[3:].mean(axis=0)]
    assert router.utilities(directions(np.array([5, 95]))) == pytest.approx(np.array(expected))


def test_a_tenth_is_held_out() -> None:
    """Every row on one side, and never an empty side that something is measured on."""
    known, held = split_off(95, seed=1)
    assert len(held) == 9
    assert sorted([*known, *held]) == list(range(95))
    assert len(split_off(3, seed=0)[1]) == 1


def test_a_setting_is_chosen_by_differences_between_experts() -> None:
    """Predicting every expert 0.3 too high costs nothing: the choice is the same."""
    scores = np.array([[0.0, 1.0], [1.0, 0.0]])
    assert lift_error(scores + 0.3, scores) == pytest.approx(0)
    assert lift_error(np.full((2, 2), 0.5), scores) == pytest.approx(0.25)
    assert best_setting([0.0, 1.0, 2.0], lambda scale: scale * scores + 5, scores) == 1.0
