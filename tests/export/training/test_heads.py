"""Fitting heads: they follow the data where there is any, else the prior."""

from __future__ import annotations

import numpy as np
import pytest

from edge_router.export.training.heads import (
    LinearHead,
    fit_model_head,
    fit_profile_heads,
    mean_score,
)
from edge_router.routing.experts.expert import PROFILES

RANDOM = np.random.default_rng(0)
VECTORS = RANDOM.normal(size=(4000, 3))
TRUE = LinearHead(0.5, np.array([1.0, -2.0, 0.0]))


def outcomes(head: LinearHead) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Right or wrong answers drawn from a head."""
    probability = 1 / (1 + np.exp(-head.log_odds(VECTORS)))
    return (RANDOM.random(len(VECTORS)) < probability).astype(np.float64)


def test_a_head_is_recovered_from_its_outcomes() -> None:
    """Four thousand queries outweigh a wrong prior."""
    result = fit_model_head(VECTORS, outcomes(TRUE), LinearHead(0.0, np.zeros(3)))
    assert result.parameters == pytest.approx(TRUE.parameters, abs=0.15)


def test_without_outcomes_a_head_is_its_prior() -> None:
    """Nothing seen, nothing changed."""
    result = fit_model_head(VECTORS[:0], np.zeros(0), TRUE)
    assert result.parameters == pytest.approx(TRUE.parameters)


def test_few_outcomes_move_a_head_a_little() -> None:
    """Between the prior and what all outcomes say."""
    prior = LinearHead(0.0, np.zeros(3))
    scores = outcomes(TRUE)
    few = fit_model_head(VECTORS[:20], scores[:20], prior)
    all_of_them = fit_model_head(VECTORS, scores, prior)
    assert 0 < np.linalg.norm(few.weights) < np.linalg.norm(all_of_them.weights)


def test_a_profile_that_was_never_seen_lies_between_its_neighbours() -> None:
    """Weak and strong sizes known, the one between them by smoothness."""
    heads = {"135m": -2.0, "3b": 0.0, "8b": 1.0, "70b": 2.0, "frontier": 3.0}
    scores = {name: outcomes(LinearHead(bias, np.zeros(3))) for name, bias in heads.items()}
    scores["1b"] = np.full(len(VECTORS), np.nan)
    result = fit_profile_heads(VECTORS, scores)
    assert tuple(result) == PROFILES
    assert result["135m"].bias < result["1b"].bias < result["3b"].bias
    assert result["1b"].bias == pytest.approx(-1.0, abs=0.3)


def test_profile_heads_are_where_the_objective_is_flat() -> None:
    """Its gradient by hand; the ridge of 1 keeps heads as near to the optimum as that is to 0."""
    chance = np.random.default_rng(5)
    vectors = chance.normal(size=(300, 2))
    scores = {name: (chance.random(300) < 0.2 + 0.1 * n) * 1.0 for n, name in enumerate(PROFILES)}
    scores["1b"][::3] = np.nan
    result = fit_profile_heads(vectors, scores)
    heads = np.array([result[name].parameters for name in PROFILES])  # (profiles, 3)
    design = np.hstack([np.ones((300, 1)), vectors])
    odds = design @ heads.T
    wrong = 1 / (1 + np.exp(-odds)) - np.stack([scores[name] for name in PROFILES], axis=1)
    gradient = np.nan_to_num(wrong).T @ design + heads
    steps = 30 * np.diff(heads, axis=0) - 5 * np.maximum(0, -np.diff(odds)).T @ design
    gradient[1:] += steps
    gradient[:-1] -= steps
    assert (np.diff(odds) < 0).any()
    assert np.abs(gradient).max() < 1e-6


def test_a_mean_score_skips_what_was_not_seen() -> None:
    """And is unknown where no expert was."""
    scores = np.array([[1.0, np.nan, 0.0], [np.nan, np.nan, 1.0]])
    assert mean_score(scores, [0, 1])[0] == 1.0
    assert np.isnan(mean_score(scores, [0, 1])[1])
    assert mean_score(scores, [0, 2])[0] == 0.5


def test_the_mean_of_heads_has_the_mean_log_odds() -> None:
    """It is still one linear head."""
    heads = [LinearHead(1.0, np.array([2.0, 0.0])), LinearHead(0.0, np.array([0.0, 4.0]))]
    vectors = np.array([[1.0, 1.0], [3.0, -1.0]])
    expected = (heads[0].log_odds(vectors) + heads[1].log_odds(vectors)) / 2
    assert np.allclose(LinearHead.mean(heads).log_odds(vectors), expected)


def test_a_fit_comes_back_from_where_the_logistic_is_flat() -> None:
    """A prior far off, on features that hardly differ: plain Newton steps would run away."""
    vectors = np.hstack([np.full((200, 1), 10.0), RANDOM.normal(scale=0.01, size=(200, 2))])
    scores = np.array([1.0, 0.0, 0.0, 0.0] * 50)
    result = fit_model_head(vectors, scores, LinearHead(4.0, np.array([2.0, 30.0, -30.0])))
    message = 1 / (1 + np.exp(-result.log_odds(vectors)))
    assert message.mean() == pytest.approx(0.25, abs=0.02)
    assert np.abs(result.parameters).max() < 60
