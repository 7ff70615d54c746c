"""Pools by hand: the coin's hull, the price rule, too small experts and the best price."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge_router.export.evaluation.assessment import Setting
from edge_router.export.evaluation.assessment.measures.pools import Point, too_small
from edge_router.export.evaluation.assessment.pool import Pool, pool_of
from edge_router.export.evaluation.assessment.pool_plans import pool_plans
from edge_router.export.evaluation.assessment.setting import PricePoint
from edge_router.export.metrics.apgr import Interval
from edge_router.routing.deciding.price import chosen, expenses

ONCE = np.ones((1, 4), dtype=np.uint16)


def knowing() -> Pool:
    """A free expert that is right on half, a dollar's that is right on all; estimates are right."""
    scores = np.array([[1.0, 1.0], [1.0, 1.0], [0.0, 1.0], [0.0, 1.0]])
    return Pool(
        "two",
        ("small", "large"),
        np.clip(scores, 0.1, 0.9),
        scores,
        np.tile([0.0, 1.0], (4, 1)),
        np.tile([0.0, 1.0], (4, 1)),
        np.arange(4.0),
    )


def test_the_hull_is_a_coin_between_single_experts() -> None:
    """Half the dollars buy half of the gap."""
    assert knowing().coin(np.array([0.5]), ONCE).tolist() == pytest.approx([0.75])


def test_a_router_that_knows_lies_above_the_hull() -> None:
    """All right for half the dollars; an oracle does no better, and nothing was too small."""
    pool = knowing()
    point = Point(pool, pool.chosen(PricePoint(0.2)), np.tile(ONCE, (5, 1)))
    quality, spent, hull, above, best, oracle = point.quality_cells()
    assert isinstance(quality, Interval)
    assert isinstance(above, Interval)
    assert (quality.value, spent, hull, above.value) == pytest.approx((1.0, 500.0, 0.75, 0.25))
    assert (best, oracle) == pytest.approx((1.0, 1.0))
    small, coin, single, saved, kept, coin_kept = point.unit_cells()
    assert isinstance(small, Interval)
    assert isinstance(saved, Interval)
    assert isinstance(kept, Interval)
    assert (small.value, coin, single) == pytest.approx((0.0, 0.25, 0.0))
    assert (saved.value, kept.value, coin_kept) == pytest.approx((0.5, 1.0, 0.75))
    assert point.shares() == ["small 50%", "large 50%"]


def test_a_too_small_expert_is_one_that_a_larger_clearly_beats() -> None:
    """By at least half a point, and only by a larger one."""
    pool = replace(knowing(), scores=np.array([[0.0, 1.0], [0.4, 0.8], [1.0, 0.0], [0.0, 0.5]]))
    assert too_small(pool, np.array([0, 0, 1, 0])).tolist() == [1, 0, 0, 1]


def test_the_rule_of_two_experts_is_the_threshold_rule() -> None:
    """The dear one is asked from a gain of the price on."""
    quality = np.array([[0.5, 0.625], [0.5, 0.8], [0.5, 0.75]])
    assert chosen(quality, np.tile([0.0, 1.0], (3, 1)), 0.25).tolist() == [0, 1, 1]


def test_a_quality_below_the_least_is_left_for_a_better_one() -> None:
    """Whatever it costs; where nobody reaches it, the price decides."""
    quality = np.array([[0.1, 0.28], [0.1, 0.2]])
    numbers = chosen(quality, np.tile([0.0, 1.0], (2, 1)), 0.35, least_quality=0.25)
    assert numbers.tolist() == [1, 0]


def test_leaving_the_device_has_a_least_expense() -> None:
    """A nearly free expert in the cloud counts a tenth, a free one on the device nothing."""
    dollars = np.array([[0.0, 0.001, 1.0]])
    leaves = np.array([False, True, True])
    assert expenses(dollars, np.zeros((1, 3)), leaves)[0].tolist() == [0.0, 0.1, 1.0]
    free = expenses(np.zeros((1, 2)), np.zeros((1, 2)), np.array([False, True]))
    assert free[0].tolist() == [0.0, 0.1]


def test_every_plan_makes_a_pool_of_its_members(setting: Setting) -> None:
    """On the dev rows, with estimates in 0..1 and expenses up to 1 for the dearest."""
    for plan in pool_plans(setting.recipe):
        pool = pool_of(setting, plan)
        assert pool.expected.shape == pool.scores.shape == (20, len(plan.members))
        assert ((pool.expected > 0) & (pool.expected < 1)).all()
        assert pool.expense.max(axis=1).tolist() == pytest.approx([1.0] * 20)
