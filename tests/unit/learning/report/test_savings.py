"""Whether routing paid: against a coin at equal cost, and against the best single expert."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_router.learning.report.savings import Savings, savings_of
from edge_router.learning.report.verdict import verdict
from made_answers import answers, row, simulated

USELESS = {"knows": 0.0, "scored": 0.5, "exploration": 0.1}
GOOD = {"knows": 1.0, "scored": 0.5, "exploration": 0.1}


def savings(seed: int = 1, queries: int = 3000, **how: Any) -> Savings:
    """Of a made-up log."""
    result = savings_of(answers(simulated(seed, queries, **how)), seed=seed)
    assert result is not None
    return result


@pytest.mark.parametrize("seed", range(4))
def test_a_useless_router_did_not_pay(seed: int) -> None:
    """Its estimates are those of other queries, and the scores tell."""
    found = savings(seed, **USELESS)
    assert found.paid is not True
    assert found.gain.low < 0 < found.gain.high
    assert verdict(found).startswith("Routing did not pay")


@pytest.mark.parametrize("seed", range(4))
def test_a_coin_did_not_pay(seed: int) -> None:
    """Its estimates are right, but nobody goes by them."""
    found = savings(seed, by_coin=True, **GOOD)
    assert found.paid is not True
    assert abs(found.gain.value) < 0.02


@pytest.mark.parametrize("seed", range(4))
def test_a_good_router_paid(seed: int) -> None:
    """More quality than a coin, and fewer dollars than always asking the cloud."""
    found = savings(seed, **GOOD)
    assert found.paid is True
    assert found.best == "cloud"
    assert found.saved_best is not None
    assert found.saved_best.low > 0
    assert verdict(found).startswith("Routing paid")


def test_the_gain_is_the_true_one() -> None:
    """Half of the queries are hard (.2), half easy (.85), the cloud has .9: routing reaches .875, a
    coin of the same cost .7125; a tenth of the choices is explored, which takes a fifth of that."""
    found = savings(1, 8000, **GOOD)
    assert found.gain.low - 0.01 < 0.8 * (0.875 - 0.7125) < found.gain.high + 0.01


def test_estimates_alone_are_called_what_they_are() -> None:
    """Without scores a router's opinion of itself proves nothing, and the words say so."""
    found = savings(knows=0.0)
    assert found.evidence == "estimates"
    assert "By the router's own estimates" in verdict(found)
    assert "Nothing here shows that these estimates are right" in verdict(found)


def test_scores_without_exploration_correct_the_estimates() -> None:
    """Estimates that tell nothing become flat, and so does the gain."""
    found = savings(knows=0.0, scored=1.0, queries=6000)
    assert found.evidence == "scores"
    assert found.tuned == ("local", "cloud")
    assert found.gain.low < 0.02


def test_routing_that_asks_the_wrong_ones_lost() -> None:
    """The cloud gets what it does not answer better."""
    rows = []
    for number in range(400):
        hard = number % 2 == 0
        expected = {"local": [0.2 if hard else 0.9, 0.0, 1, 9], "cloud": [0.9, 0.01, 1, 9]}
        rows.append(row(number, expert="local" if hard else "cloud", estimates=expected))
    found = savings_of(answers(rows))
    assert found is not None
    assert found.paid is False
    assert "did not pay" in verdict(found)


def test_unknown_prices_compare_shares() -> None:
    """No dollars are made up; the coin asks each expert as often."""
    rows = simulated(1, 500, **GOOD)
    for one in rows:
        one["estimates"]["cloud"][1] = None
        one["cost_usd"] = None
    found = savings_of(answers(rows))
    assert found is not None
    assert (found.usd, found.saved_coin, found.saved_best) == (None, None, None)
    assert "$" not in verdict(found)


def test_one_expert_is_nothing_to_judge() -> None:
    """There was no choice."""
    one = [row(n, estimates={"local": [0.5, 0.0, 1.0, 9.0]}) for n in range(5)]
    assert savings_of(answers(one)) is None
    assert "nothing to judge" in verdict(None)


def test_free_experts_are_compared_by_quality_alone() -> None:
    """At no cost, the coin is the best of them."""
    rows = [row(n, estimates={"local": [0.5, 0, 1, 9], "cloud": [0.8, 0, 1, 9]}) for n in range(50)]
    found = savings_of(answers(rows), frozenset({"cloud"}))
    assert found is not None
    assert found.gain.value == pytest.approx(-0.3)
    assert found.paid is False


def test_rows_without_estimates_of_all_are_left_out() -> None:
    """An expert that came later was not compared before."""
    early = [row(n, estimates={"local": [0.5, 0.0, 1.0, 9.0]}) for n in range(10)]
    found = savings_of(answers([*early, *simulated(2, 100, **GOOD)]))
    assert found is not None
    assert (found.answers, found.left_out) == (100, 10)


def test_a_real_price_above_the_expected_counts_for_always_asking_too() -> None:
    """The expected cost of an expert is scaled by how its own answers came out."""
    rows = simulated(1, 1000, **GOOD)
    for one in rows:
        one["cost_usd"] *= 3
    tripled, plain = savings_of(answers(rows)), savings(1, 1000, **GOOD)
    assert tripled is not None
    assert tripled.singles[1].usd == pytest.approx(3 * (plain.singles[1].usd or 0), rel=1e-6)


def test_other_choices_are_judged_by_the_same_log() -> None:
    """What would have been routed at random is worse than what was routed by knowledge."""
    log = answers(simulated(1, 4000, **GOOD))
    random = np.random.default_rng(0).integers(2, size=len(log)).astype(np.intp)
    did, would = savings_of(log), savings_of(log, choices=random)
    assert did is not None
    assert would is not None
    assert did.paid is True
    assert would.paid is not True
    assert would.quality.value < did.quality.value


@given(
    seed=st.integers(0, 1000),
    knows=st.floats(0, 1),
    scored=st.floats(0, 1),
    exploration=st.sampled_from([0.0, 0.1, 0.5]),
    queries=st.integers(1, 60),
)
def test_numbers_stay_in_their_bounds(
    seed: int, knows: float, scored: float, exploration: float, queries: int
) -> None:
    """Whatever is logged, qualities lie in 0..1 and intervals around nothing impossible."""
    found = savings_of(
        answers(simulated(seed, queries, knows=knows, scored=scored, exploration=exploration)),
        frozenset({"local", "cloud"}),
    )
    assert found is not None
    assert 0 <= found.quality.low <= found.quality.high <= 1
    assert all(0 <= one.quality <= 1 for one in found.singles)
    assert found.gain.low <= found.gain.high
    assert sum(found.shares) == pytest.approx(1)
