"""Triggers: words kept strong against a network that learns to ignore them."""

from __future__ import annotations

from itertools import pairwise

import pytest

pytest.importorskip("torch", reason="the extra `export` is not installed")

import torch

from edge_router.export.training.loop import padded
from edge_router.export.training.model import RouterNetwork
from edge_router.export.training.triggers import MOST_TOKENS, Triggers
from made_network import WORDS, small_network

START, END = 1, 2
MESSAGES = [[START, *range(10 + n, 16 + n), END] for n in range(12)]


def network() -> RouterNetwork:
    """A small one with random weights."""
    made = small_network(layers=2, sizes=6)
    assert made.sizes is not None
    torch.nn.init.normal_(made.sizes.weight, std=3.0)
    torch.nn.init.normal_(made.bert.embeddings.word_embeddings.weight, std=1.0)
    return made


def triggers(share: float = 1.0, max_tokens: int = 200) -> Triggers:
    """Of any word but the special ones."""
    return Triggers(
        [[word] for word in range(3, WORDS)], share=share, max_tokens=max_tokens, seed=0
    )


def spread(net: RouterNetwork, pool: Triggers) -> float:
    """How far the qualities of the attacked messages lie from those of the messages alone."""

    def quality(rows: list[list[int]]) -> torch.Tensor:
        with torch.no_grad():
            return net.sizes_of(net.read(net.pooled(*padded(rows)))[0]).sigmoid()

    clean = quality(MESSAGES)
    attacks = [quality([list(row.ids) for row in pool.attacked(MESSAGES)]) for _ in range(40)]
    return float(torch.stack([(one - clean).abs().mean() for one in attacks]).mean())


def test_they_move_the_network_further_with_every_improvement() -> None:
    """The pool after 400 calls against the pool of random tokens."""
    net, pool = network(), triggers()
    before = spread(net, pool)
    for _ in range(400):
        pool.improve(net, MESSAGES)
    assert spread(net, pool) > 1.2 * before


def test_a_message_keeps_its_ends_and_its_words() -> None:
    """The trigger stands right behind the first or right before the last token."""
    for one, row in zip(triggers().attacked(MESSAGES), MESSAGES, strict=True):
        attacked = one.ids
        inner = row[1:-1]
        assert (attacked[0], attacked[-1]) == (START, END)
        assert inner in (attacked[1 : 1 + len(inner)], attacked[-1 - len(inner) : -1])
        assert len(row) < len(attacked) <= len(row) + MOST_TOKENS


def test_nothing_grows_beyond_what_the_network_reads() -> None:
    """Head and tail are kept, as the router's own tokenizer does."""
    rows = triggers(max_tokens=12).attacked([[START, *range(3, 33), END]] * 50)
    assert {len(row.ids) for row in rows} == {12}


def test_a_share_of_none_changes_nothing() -> None:
    """And every message is itself."""
    assert [row.ids for row in triggers(share=0.0).attacked(MESSAGES)] == MESSAGES


def test_a_share_is_about_kept() -> None:
    """A third of many."""
    rows = triggers(share=1 / 3).attacked(MESSAGES * 100)
    changed = sum(a.ids != b for a, b in zip(rows, MESSAGES * 100, strict=True))
    assert 300 < changed < 500


def test_equal_seeds_give_equal_triggers() -> None:
    """Also after improvements."""
    net = network()
    first, second = triggers(), triggers()
    for pool in (first, second):
        for _ in range(40):
            pool.improve(net, MESSAGES)
    assert first.attacked(MESSAGES) == second.attacked(MESSAGES)


def test_messages_that_leave_no_room_are_passed_over() -> None:
    """They are cut to what the network reads, and improve nothing."""
    pool = triggers(max_tokens=9)
    for _ in range(8):
        pool.improve(network(), MESSAGES)
    assert {len(row.ids) for row in pool.attacked(MESSAGES)} == {9}


def test_the_tokens_of_a_word_stay_together() -> None:
    """Also after improvements."""
    pool = Triggers(
        [[word, word + 1] for word in range(20, 50, 2)],
        share=1.0, max_tokens=200, seed=0,
    )  # fmt: skip
    for _ in range(40):
        pool.improve(network(), MESSAGES)
    for row in pool.attacked([[START, 3, END]] * 50):
        tokens = [token for token in row.ids[1:-1] if token != 3]
        assert len(tokens) % 2 == 0
        assert all(b == a + 1 for a, b in pairwise(tokens) if a % 2 == 0)
