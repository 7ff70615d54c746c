"""Latency: from the work and the speed, corrected by what answers really took."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_router.device.latency import ExpertState, Pace, Speed, Timing, Work

SPEED = Speed(start_s=0.5, input_tokens_per_s=100.0, output_tokens_per_s=20.0, cold_s=3.0)
GROWING = replace(SPEED, input_growth_s=1e-4, output_growth_s=2e-4)
WORK = Work(input_tokens=200, output_tokens=40)
TOKENS = st.integers(0, 2000)


def timing(work: Work, slower: float, *, streamed: bool = True) -> Timing:
    """What a machine `slower` times as slow as SPEED takes."""
    first, rest = slower * SPEED.first_token_s(work), slower * SPEED.rest_s(work)
    cold = SPEED.cold_s if work.cold else 0.0
    total = cold + first + rest
    return Timing(cold + first if streamed else total, total)


def test_latency_by_hand() -> None:
    """Half a second, 200 tokens at 100 a second, 40 at 20; 3 seconds more from a cold start."""
    assert Pace().latency(SPEED, WORK) == pytest.approx(0.5 + 2 + 2)
    assert Pace().latency(SPEED, replace(WORK, cold=True)) == pytest.approx(7.5)
    assert SPEED.latency(200, 40) == pytest.approx(4.5)


def test_a_cached_prefix_need_not_be_read_again() -> None:
    """150 of 200 tokens are known: half a second of reading is left."""
    assert SPEED.first_token_s(replace(WORK, cached_tokens=150)) == pytest.approx(1.0)
    assert ExpertState(cached_tokens=900).work(200, 40).new_tokens == 0


def test_a_token_attends_to_all_before_it() -> None:
    """Reading 200 costs 200 * 100 more steps of 0.1 ms, writing 40 costs 40 * 220 of 0.2 ms; the
    last 50 of 200 come after 175 on the mean."""
    assert GROWING.first_token_s(WORK) == pytest.approx(2.5 + 2.0)
    assert GROWING.rest_s(WORK) == pytest.approx(2 + 40 * 220 * 2e-4)
    cached = replace(WORK, cached_tokens=150)
    assert GROWING.first_token_s(cached) == pytest.approx(1.0 + 50 * 175 * 1e-4)


@given(TOKENS, TOKENS, TOKENS, TOKENS)
def test_reading_in_two_parts_takes_as_long_as_at_once(
    first: int, second: int, third: int, fourth: int
) -> None:
    """The growth is exact: what is cached was paid for before."""
    speed = replace(GROWING, start_s=0.0)
    whole = speed.first_token_s(Work(first + second, 0))
    parts = speed.first_token_s(Work(first, 0)) + speed.first_token_s(
        Work(first + second, 0, cached_tokens=first)
    )
    assert parts == pytest.approx(whole)
    longer = Work(first + third, second + fourth)
    assert Pace().latency(speed, longer) >= Pace().latency(speed, Work(first, second))


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("slower", [0.5, 2.0])
@pytest.mark.parametrize("answers_before", [0, 100])
def test_ten_answers_follow_a_change_by_a_factor_of_two(
    streamed: bool, slower: float, answers_before: int
) -> None:
    """Within 7 %, however long the machine was as expected before, seen in pieces or at once."""
    pace = Pace()
    for _ in range(answers_before):
        pace = pace.after(SPEED, WORK, timing(WORK, 1.0, streamed=streamed))
    for _ in range(10):
        pace = pace.after(SPEED, WORK, timing(WORK, slower, streamed=streamed))
    real = timing(WORK, slower).total_s
    assert pace.latency(SPEED, WORK) == pytest.approx(real, rel=0.07)


def test_an_unknown_machine_is_known_after_two_answers() -> None:
    """A profile's speed may be off by more than a stall is allowed to teach."""
    pace = Pace()
    for _ in range(2):
        pace = pace.after(SPEED, WORK, timing(WORK, 5.0))
    assert pace.latency(SPEED, WORK) == pytest.approx(timing(WORK, 5.0).total_s, rel=0.2)


def test_one_answer_that_stalls_does_not_turn_the_estimate_over() -> None:
    """A minute's pause on a known machine less than doubles what is expected."""
    pace = Pace()
    for _ in range(20):
        pace = pace.after(SPEED, WORK, timing(WORK, 1.0))
    stalled = pace.after(SPEED, WORK, Timing(60.0, 120.0))
    assert stalled.latency(SPEED, WORK) < 2 * pace.latency(SPEED, WORK)


def test_short_questions_say_little_of_how_fast_reading_is() -> None:
    """Ten of them that start three times as late leave a long one's estimate about as it was."""
    short, long = Work(3, 40), Work(1500, 40)
    pace = Pace(first_seen=10, rest_seen=10)
    for _ in range(3):
        pace = pace.after(SPEED, short, Timing(3 * SPEED.first_token_s(short), 4.0))
    assert pace.latency(SPEED, long) < 1.5 * Pace().latency(SPEED, long)


def test_a_cold_start_teaches_the_load_and_nothing_else() -> None:
    """What is beyond the usual; half of the way each time, since the next load may be cached."""
    cold = replace(WORK, cold=True)
    pace = Pace().after(SPEED, cold, Timing(2.5 + 5.0, 9.5))
    assert (pace.first, pace.rest, pace.cold_s) == (0.0, 0.0, 5.0)
    again = pace.after(SPEED, cold, Timing(2.5 + 1.0, 5.5))
    assert again.cold_s == pytest.approx(3.0)
    assert again.after(SPEED, cold, Timing(0.1, 2.0)).cold_s == pytest.approx(1.5)
    assert Pace().after(SPEED, cold, Timing(9.5, 9.5)).cold_s == pytest.approx(5.0)


def test_a_throttled_machine_is_slower_and_does_not_count_twice() -> None:
    """Half of the clock doubles the estimate; answers as slow as that change no pace."""
    throttled = replace(WORK, slowdown=2.0)
    assert Pace().latency(SPEED, throttled) == pytest.approx(9.0)
    pace = Pace().after(SPEED, throttled, timing(WORK, 2.0))
    assert (pace.first, pace.rest) == pytest.approx((0.0, 0.0))


@pytest.mark.parametrize(
    "jumped",
    [
        Timing(-3.0, 1.0),
        Timing(1.0, -3.0),
        Timing(0.0, 1.0),
        Timing(2.0, 1.0),
        Timing(math.nan, 1.0),
        Timing(1.0, math.inf),
    ],
)
def test_a_clock_that_jumps_back_teaches_nothing(jumped: Timing) -> None:
    """Nor any other timing that cannot be."""
    assert Pace().after(SPEED, WORK, jumped) == Pace()


@given(
    st.floats(1e-3, 1e3),
    st.floats(0, 1e3),
    st.integers(0, 3000),
    st.integers(1, 500),
    st.booleans(),
)
def test_the_estimate_stays_positive_and_finite(
    first: float, rest: float, read: int, written: int, cold: bool
) -> None:
    """Whatever it is fed."""
    pace, work = Pace(), Work(read, written, cold=cold)
    for _ in range(5):
        pace = pace.after(GROWING, work, Timing(first, first + rest))
    assert 0 < pace.latency(GROWING, work) < math.inf
