"""RouteLLM's similarity weights, Bradley-Terry strengths and factorised scores."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_router.export.routers.base import Pool, Queries
from edge_router.export.routers.lookups.similarity_weighted import (
    SWRanking,
    bradley_terry,
    similarity_weights,
)
from edge_router.routing.arrays import Float64s

RANDOM = np.random.default_rng(0)


def queries(vectors: Float64s) -> Queries:
    """Queries with these embeddings, brought to length 1."""
    count = len(vectors)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return Queries(("",) * count, np.array([""] * count), np.zeros(count, dtype=int), unit)


def test_similarity_weights_by_hand() -> None:
    """The most similar counts 10^2, an unrelated one 10, an opposite one 1."""
    result = similarity_weights(np.array([[0.5, 0.0, -0.5, 0.25]]))
    assert result[0] == pytest.approx([100, 10, 1, 10**1.5])


@given(st.floats(0.01, 1000), st.floats(0.01, 1000))
def test_two_experts_differ_by_the_log_odds_of_their_wins(one: float, other: float) -> None:
    """The closed form of Bradley-Terry."""
    result = bradley_terry(np.array([[[0.0, one], [other, 0.0]]]))[0]
    assert result[0] - result[1] == pytest.approx(math.log(one / other), abs=1e-6)
    assert result.sum() == pytest.approx(0, abs=1e-9)


def test_strengths_make_expected_wins_equal_wins() -> None:
    """The first-order condition of the likelihood, for five experts."""
    wins = RANDOM.random((4, 5, 5)) * (1 - np.eye(5))
    strengths = bradley_terry(wins)
    expected = 1 / (1 + np.exp(strengths[:, None, :] - strengths[:, :, None]))
    games = wins + wins.transpose(0, 2, 1)
    assert (games * expected * (1 - np.eye(5))).sum(axis=2) == pytest.approx(wins.sum(axis=2))


def brute_force(weights: Float64s, scores: Float64s) -> Float64s:
    """RouteLLM's weighted logistic loss, battle by battle, by gradient descent.

    As in its code a win is two battles won, a tie one battle each way; then the router's own tie.
    """
    battles = []
    for weight, row in [*zip(weights, scores, strict=True), (weights.mean(), np.zeros(3))]:
        for a in range(3):
            for b in range(a):
                sides = {1: [(a, b)] * 2, -1: [(b, a)] * 2, 0: [(a, b), (b, a)]}
                battles += [(weight, *side) for side in sides[int(np.sign(row[a] - row[b]))]]
    weight, won, lost = (np.array(column) for column in zip(*battles, strict=True))
    strengths = np.zeros(3)
    for _ in range(3000):
        surprise = weight / (1 + np.exp(strengths[won] - strengths[lost])) / weight.sum()
        step = np.bincount(won, surprise, 3) - np.bincount(lost, surprise, 3)
        strengths += 2 * step
    return strengths - strengths.mean()


def test_sw_is_the_weighted_loss_minimised_battle_by_battle() -> None:
    """Two queries, twenty training queries, three experts."""
    train, test = queries(RANDOM.normal(size=(20, 4))), queries(RANDOM.normal(size=(2, 4)))
    scores = RANDOM.choice([0.0, 0.5, 1.0], size=(20, 3))
    router = SWRanking()
    router.fit(Pool(train, ("a", "b", "c"), scores), seed=0)
    weights = similarity_weights(test.embeddings @ train.embeddings.T)
    expected = np.array([brute_force(row, scores) for row in weights])
    assert router.utilities(test) == pytest.approx(expected, abs=1e-4)


def test_who_never_won_still_has_a_finite_strength() -> None:
    """One tie of average weight stands against all its losses."""
    train = queries(np.ones((9, 2)))
    router = SWRanking()
    router.fit(Pool(train, ("a", "b"), np.tile([0.0, 1.0], (9, 1))), seed=0)
    result = router.utilities(train)[0]
    assert result[1] - result[0] == pytest.approx(math.log(9.5 / 0.5))


def test_a_factorised_score_by_hand() -> None:
    """w2^T (v_m * (W1 q + b)): v = (2, 1), W1 q + b = (3, 5), w2 = (1, -1) give 6 - 5 = 1."""
    torch = pytest.importorskip("torch", reason="the extra `export` is not installed")
    from edge_router.export.routers.networks.matrix_factorization import Factorization

    network = Factorization(2, 2, space=2)
    network.load_state_dict(
        {
            "experts": torch.tensor([[2.0, 1.0], [0.0, 1.0]]),
            "query.weight": torch.tensor([[1.0, 1.0], [0.0, 2.0]]),
            "query.bias": torch.tensor([0.0, 1.0]),
            "out.weight": torch.tensor([[1.0, -1.0]]),
        }
    )
    assert network(torch.tensor([[1.0, 2.0]])).tolist() == [[1.0, -5.0]]
