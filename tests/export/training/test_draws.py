"""Draws: how often an epoch sees each query."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra `export` is not installed")

from edge_router.export.data.outcome_set import OutcomeSet, outcome_set
from edge_router.export.training.draws import Draws


def outcomes() -> OutcomeSet:
    """Two queries of a table of exams, three of one of chats."""
    tables = {
        name: [
            {"qkey": f"{name}{n}", "split": "train", "task": name, "query": f"{name} question {n}",
             "score": {"a": 1.0}}
            for n in range(count)
        ]
        for name, count in (("exam", 2), ("chat", 3))
    }  # fmt: skip
    return outcome_set(tables, 1000)


def drawn(often: dict[str, int], epochs: int = 2, varied: float = 0.0) -> Draws:
    return Draws.of(outcomes(), often, epochs=epochs, varied=varied, max_chars=40, seed=0)


def test_an_epoch_sees_a_query_as_often_as_its_table_says() -> None:
    """ "*" stands for the tables that are not named; 0 leaves a table out."""
    draws = drawn({"*": 1, "chat": 3})
    assert len(draws.rows) == 2 * (2 + 9)
    assert draws.epochs == (slice(0, 11), slice(11, 22))
    assert drawn({"*": 0, "chat": 1}).rows.tolist() == [2, 3, 4] * 2


def test_batches_hold_every_draw_once_and_one_epoch_after_the_other() -> None:
    """Each epoch in an order of its own."""
    draws = drawn({"*": 2})
    lengths = np.array([len(text) for text in draws.texts])
    batches = draws.batches(lengths, size=4, seed=1)
    seen = np.concatenate(batches)
    assert sorted(seen.tolist()) == list(range(20))
    assert set(seen[:10].tolist()) == set(range(10))
    assert not np.array_equal(seen[:10], seen[10:] - 10)


def test_a_varied_text_is_cut_as_any_other() -> None:
    """To at most `max_chars`, and it is the text of its row."""
    draws = drawn({"*": 20}, varied=1.0)
    assert max(map(len, draws.texts)) <= 40
    assert len(set(draws.texts)) > 50
