"""MoMA's pair probabilities, its mixture head and its contrastive loss."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="the extra `export` is not installed")

from edge_router.export.routers.base import Pool  # noqa: E402
from edge_router.export.routers.networks.contrastive import preference_loss, win_probabilities  # noqa: E402
from edge_router.export.routers.networks.moma import (  # noqa: E402
    MixtureHead,
    MoMA,
    pair_log_probabilities,
    pair_probabilities,
)

SCORE = st.floats(-8, 8)


def sigma(x: float) -> float:
    """The logistic function."""
    return 1 / (1 + math.exp(-x))


def test_pair_probabilities_by_hand() -> None:
    """s = 1 and 0, eta = 1/2, kappa = 2, mu = 1/4: d is 1/2 for a win and -3/2 for a loss."""
    win, loss = sigma(0.5), sigma(-1.5)
    strong_win, strong_loss = win * sigma(2 * (0.5 - 0.25)), loss * sigma(2 * (-1.5 - 0.25))
    expected = [strong_win, win - strong_win, 1 - win - loss, loss - strong_loss, strong_loss]
    result = pair_probabilities(1.0, 0.0, eta=0.5, kappa=2.0, mu=0.25)
    assert result.tolist() == pytest.approx(expected)
    assert result.tolist() == pytest.approx([0.3875, 0.2350, 0.1951, 0.1771, 0.0053], abs=1e-4)


@given(SCORE, SCORE, st.floats(0, 5), st.floats(0, 5), st.floats(-2, 2))
def test_pair_probabilities_are_a_symmetric_distribution(
    s_i: float, s_j: float, eta: float, kappa: float, mu: float
) -> None:
    """Sum 1, none negative, and swapping the experts swaps wins and losses."""
    result = pair_probabilities(s_i, s_j, eta=eta, kappa=kappa, mu=mu)
    assert result.sum().item() == pytest.approx(1)
    assert (result >= 0).all()
    swapped = pair_probabilities(s_j, s_i, eta=eta, kappa=kappa, mu=mu)
    assert result.tolist() == pytest.approx(swapped.flip(-1).tolist())


@given(SCORE, SCORE)
def test_without_a_threshold_nothing_is_a_tie(s_i: float, s_j: float) -> None:
    """And the win is Bradley and Terry's."""
    result = pair_probabilities(s_i, s_j, eta=0.0, kappa=1.0, mu=0.0)
    assert result[2] == 0
    assert result[:2].sum().item() == pytest.approx(sigma(s_i - s_j))


def test_hopeless_outcomes_still_have_a_gradient() -> None:
    """A surprise of 200 would be the logarithm of zero."""
    ahead = torch.tensor([-200.0], requires_grad=True)
    result = pair_log_probabilities(ahead, torch.tensor(1.0), kappa=1.0, mu=0.5)
    assert torch.isfinite(result).all()
    result[0, 0].backward()
    assert ahead.grad.item() == pytest.approx(2.0)


def test_the_gate_keeps_its_favourites() -> None:
    """Two of four parts are weighed, by the softmax of their own logits."""
    head = MixtureHead(4, 3, parts=4, top=2)
    with torch.no_grad():
        head.gate.weight.copy_(torch.eye(4))
        head.gate.bias.zero_()
    result = head.weights(torch.tensor([[0.0, 2.0, 1.0, -1.0]]))
    assert result[0].tolist() == pytest.approx([0, sigma(1), sigma(-1), 0])


def test_a_mixture_is_the_weighted_sum_of_its_parts() -> None:
    """Each part alone, then put together as the gate says."""
    torch.manual_seed(0)
    head = MixtureHead(4, 3, parts=5, top=2)
    vectors = torch.randn(6, 4)
    hidden = torch.relu(head.hidden(vectors)).reshape(6, 5, -1)
    parts = torch.stack([hidden[:, p] @ head.out[p] + head.bias[p] for p in range(5)], dim=1)
    expected = (head.weights(vectors)[:, :, None] * parts).sum(1)
    assert torch.allclose(head(vectors), expected, atol=1e-6)


def test_the_threshold_of_ties_is_learned_from_how_many_there_are(chat_and_maths: Pool) -> None:
    """Experts that do alike on nine of ten queries tie with about that probability."""
    scores = np.ones((400, 2))
    scores[::20, 0] = scores[10::20, 1] = 0
    router = MoMA()
    router.fit(Pool(chat_and_maths.queries, ("a", "b"), scores), seed=0)
    eta = router._network.eta.item()
    assert pair_probabilities(0, 0, eta=eta, kappa=1, mu=0)[2].item() == pytest.approx(0.9, abs=0.1)


def test_the_contrastive_loss_by_hand() -> None:
    """Ahead by 1 and better, ahead by 2 and worse, and a tie, which does not count."""
    ahead, lift = torch.tensor([[1.0, 2.0, 5.0]]), torch.tensor([[0.5, -1.0, 0.0]])
    expected = -(math.log(sigma(1)) + math.log(sigma(-2))) / 2
    assert preference_loss(ahead, lift).item() == pytest.approx(expected)
    assert preference_loss(ahead, torch.zeros(1, 3)).item() == 0


def test_win_probabilities_by_hand() -> None:
    """The mean over the others; for two experts their log ratio is the score difference again."""
    result = win_probabilities(np.array([[1.0, 0.0, -1.0]]))
    assert result[0, 0] == pytest.approx((sigma(1) + sigma(2)) / 2)
    assert result.sum() == pytest.approx(3 / 2)
    two = np.log(win_probabilities(np.array([[0.3, 1.7]])))[0]
    assert two[1] - two[0] == pytest.approx(1.4)
