"""Students: what one learns besides its labels, and what it takes over from another."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="the extra `export` is not installed")

import torch

from edge_router.export.training.model import TOKEN_STEPS, RouterNetwork
from edge_router.export.training.student import _go_on_from, _mark_loss, _pooled
from edge_router.export.training.triggers import Attacked
from made_network import small_network


def network(*, weighs_tokens: bool) -> RouterNetwork:
    """Of one layer."""
    return small_network(layers=1, weighs_tokens=weighs_tokens)


def test_one_that_begins_to_weigh_tokens_starts_where_the_other_ended() -> None:
    """Equal weights are the plain mean."""
    before, after = network(weighs_tokens=False), network(weighs_tokens=True)
    torch.nn.init.normal_(before.difficulty.weight)
    _go_on_from(before, after)
    ids = torch.tensor([[1, 5, 6, 2]])
    with torch.no_grad():
        expected, given = before(ids, torch.ones_like(ids)), after(ids, torch.ones_like(ids))
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(expected, given, strict=True))


def test_a_token_that_is_no_part_of_the_message_weighs_a_sixteenth() -> None:
    """A mark of less than 0 counts least, one over 1 most."""
    net = network(weighs_tokens=True)
    assert net.token_weight is not None
    torch.nn.init.constant_(net.token_weight.weight, 0.0)
    ids = torch.tensor([[1, 5, 6, 2]])
    plain = net.pooled(ids, torch.ones_like(ids))
    states = net.bert(input_ids=ids).last_hidden_state[0].detach()
    with torch.no_grad():
        net.token_weight.weight[:] = 1e3 * (states[1] - states.mean(0))
        net.token_weight.bias[:] = -1e3 * float((states[1] - states.mean(0)) @ states.mean(0))
        mean, marks = net.pooled_and_marked(ids, torch.ones_like(ids))
    weights = torch.where(marks[0] >= 1, 1.0, 1 / TOKEN_STEPS)
    assert ((marks[0] >= 1) | (marks[0] <= 0)).all()
    assert len(set(weights.tolist())) == 2
    assert torch.allclose(mean[0], weights @ states / weights.sum(), atol=1e-5)
    assert not torch.allclose(mean, plain)


def test_marks_are_to_be_high_on_the_message_and_low_on_the_trigger() -> None:
    """Nothing is asked of a message without a trigger, nor of padding."""
    messages = [Attacked([1, 5, 6, 2], [1, 0, 1, 1]), Attacked([1, 5, 2], ())]
    right = torch.tensor([[1.0, 0.0, 2.0, 1.0], [0.3, 0.3, 0.3, 9.0]])
    wrong = torch.tensor([[0.5, 1.0, 1.0, 1.0], [0.3, 0.3, 0.3, 9.0]])
    assert float(_mark_loss(right, messages)) == 0.0
    assert float(_mark_loss(wrong, messages)) == pytest.approx((0.25 + 1.0) / 4 / 2)


def test_messages_come_back_in_their_order() -> None:
    """Whatever their lengths, each as if it were computed alone."""
    net = network(weighs_tokens=True)
    messages = [Attacked([1, *range(3, 3 + n), 2], ()) for n in (7, 1, 5, 2, 9)]
    with torch.no_grad():
        together, _ = _pooled(net, messages)
        alone = torch.cat([_pooled(net, [message])[0] for message in messages])
    assert torch.allclose(together, alone, atol=0.02)  # bfloat16


def test_a_student_without_weights_has_no_marks_to_learn() -> None:
    """All are 1."""
    messages = [Attacked([1, 5, 6, 2], [1, 1, 1, 1])]
    assert float(_pooled(network(weighs_tokens=False), messages)[1]) == 0.0
