"""Targets as users write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_router.errors import InvalidTarget, TargetsConflict
from edge_router.learning.calibration.targets import Quantity, Target, parse_targets


@pytest.mark.parametrize(
    ("text", "quantity", "bound"),
    [
        ("quality>=0.95", Quantity.QUALITY, 0.95),
        (" quality >= 95 % ", Quantity.QUALITY, 0.95),
        ("strong_calls<=0.3", Quantity.STRONG_CALLS, 0.3),
        ("cost<=2.00/1000", Quantity.COST, 0.002),
        ("cost <= $2 / 1_000", Quantity.COST, 0.002),
        ("cost<=3/1000000", Quantity.COST, 3e-6),
        ("p95_latency<=1.5", Quantity.P95_LATENCY, 1.5),
        ("p95_latency<=900ms", Quantity.P95_LATENCY, 0.9),
    ],
)
def test_a_target_is_read_in_the_users_units(text: str, quantity: Quantity, bound: float) -> None:
    """Shares, dollars per so many queries, seconds."""
    assert parse_targets([text]) == (Target(quantity, bound),)


@given(
    st.sampled_from([Quantity.QUALITY, Quantity.STRONG_CALLS, Quantity.P95_LATENCY]),
    st.integers(1, 999),
)
def test_what_a_target_prints_is_read_again(quantity: Quantity, thousandths: int) -> None:
    """The text of a target is one."""
    target = Target(quantity, thousandths / 1000)
    assert parse_targets([str(target)]) == (target,)


def test_several_are_sorted_and_the_stricter_counts() -> None:
    """With commas or one by one, in any order."""
    found = parse_targets(["cost<=2/1000, quality>=0.9", "quality>=0.95", "cost<=3/1000"])
    assert found == (Target(Quantity.QUALITY, 0.95), Target(Quantity.COST, 0.002))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no target is stated"),
        ("best", "is not a target"),
        ("speed>=3", "'speed' in 'speed>=3' is no quantity; use one of quality"),
        ("quality=0.9", "'=' in 'quality=0.9' must be >= or <="),
        ("quality<=0.9", "points the wrong way: quality is bounded by >="),
        ("cost>=2/1000", "points the wrong way: cost is bounded by <="),
        ("cost<=2", "has the unit none; cost takes /1000"),
        ("cost<=2/week", "has the unit /week"),
        ("p95_latency<=3min", "has the unit min; p95_latency takes none, s, ms"),
        ("quality>=95", "out of range: quality lies between 0 and 1"),
        ("quality>=1", "out of range"),
        ("strong_calls<=0", "out of range"),
        ("cost<=-1/1000", "out of range: cost must be above 0"),
        ("p95_latency<=1e400", "out of range"),
        ("quality>=0.9.5", "'0.9.5' in 'quality>=0.9.5' is not a number"),
    ],
)
def test_what_is_no_target_is_refused_with_the_fault(text: str, told: str) -> None:
    """Which part is wrong and what would be right."""
    with pytest.raises(InvalidTarget, match=told.replace("$", r"\$")):
        parse_targets([text])


def test_bounds_that_nothing_meets_contradict_each_other() -> None:
    """Whichever is written first."""
    for texts in (["quality>=0.95", "quality<=0.9"], ["quality<=0.9, quality>=0.95"]):
        with pytest.raises(TargetsConflict, match=r"no quality meets 'quality>=0\.95' and"):
            parse_targets(texts)


def test_a_target_says_itself_in_words() -> None:
    """For the sentence of the promise."""
    words = [
        target.words.format(strong="cloud")
        for target in parse_targets(["quality>=0.95, strong_calls<=0.3, cost<=2/1000"])
    ]
    assert words == [
        "keeps at least 95 % of cloud's mean score",
        "asks cloud for at most 30 % of the queries",
        "costs at most $2 per 1,000 queries",
    ]


@pytest.mark.parametrize(
    ("quantity", "bound"),
    [
        ("quality", float("nan")),
        ("quality", float("inf")),
        ("quality", -0.5),
        ("quality", True),
        ("quality", "0.9"),
        ("quality", None),
        ("cost", 10**400),
        ("cost", 0),
        ("taste", 0.5),
        (None, 0.5),
        ([], 0.5),
    ],
)
def test_a_target_made_by_hand_is_checked_too(quantity: object, bound: object) -> None:
    """Nothing is promised about a bound that is none."""
    with pytest.raises(InvalidTarget):
        Target(quantity, bound)  # type: ignore[arg-type]


def test_a_quantity_may_be_a_text() -> None:
    """As the settings write it; so may one target for many."""
    found = Target("quality", 0.9)  # type: ignore[arg-type]
    assert found.quantity is Quantity.QUALITY
    assert parse_targets("quality>=0.9") == (found,)
    with pytest.raises(InvalidTarget, match="5 is not a target"):
        parse_targets([5])  # type: ignore[list-item]
