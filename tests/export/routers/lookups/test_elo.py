"""Judged pairs and the Elo ratings made from them, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from edge_router.export.routers.base import Pool
from edge_router.export.routers.lookups.elo import EloRouter, elo_ratings
from edge_router.export.routers.pairs import OUTCOMES, judge


def test_pairs_and_their_outcomes_by_hand() -> None:
    """Right against wrong is a strong win, a lead of at most half a plain one."""
    pairs = judge(np.array([[0.0, 1.0, 0.5]]))
    assert list(zip(pairs.first, pairs.second, strict=True)) == [(0, 1), (0, 2), (1, 2)]
    assert pairs.lift.tolist() == [[-1.0, -0.5, 0.5]]
    message = [OUTCOMES[number] for number in pairs.outcomes[0]]
    assert message == ["strong loss", "loss", "win"]
    assert OUTCOMES[judge(np.array([[1.0, 1.0]])).outcomes[0, 0]] == "tie"


def test_elo_by_hand() -> None:
    """Equals at 1000 and k = 32: a win moves 16 each; then 1016 beats 984 with 0.5460."""
    assert elo_ratings([(0, 1, 1.0)], 2, k=32) == pytest.approx([1016, 984])
    expected = 1 / (1 + 10 ** (-32 / 400))
    assert expected == pytest.approx(0.5460, abs=1e-4)
    result = elo_ratings([(0, 1, 1.0), (0, 1, 0.5)], 2, k=32)
    assert result == pytest.approx([1016 + 32 * (0.5 - expected), 984 - 32 * (0.5 - expected)])


def test_base_and_scale_are_what_they_say() -> None:
    """An expert that never played stays at the base; half the scale is twice the certainty."""
    result = elo_ratings([(0, 2, 0.0), (0, 2, 0.0)], 3, k=10, base=1500, scale=200)
    second = 10 * (1 / (1 + 10 ** (10 / 200)))
    assert result == pytest.approx([1495 - second, 1500, 1505 + second])


def test_elo_sends_everything_to_the_best_on_average(chat_and_maths: Pool) -> None:
    """Three of four wins: the difference settles near log-odds of 3 to 1 on every query."""
    scores = np.tile([[0.0, 1.0], [0.0, 1.0], [0.0, 1.0], [1.0, 0.0]], (100, 1))
    router = EloRouter()
    router.fit(Pool(chat_and_maths.queries, ("weak", "strong"), scores), seed=0)
    result = router.utilities(chat_and_maths.queries)
    assert (result == result[0]).all()
    assert result[0, 1] - result[0, 0] == pytest.approx(np.log(3), abs=0.3)
