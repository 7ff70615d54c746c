"""Measuring an expert: which prompts it gets, and the speed that is fitted to its times."""

from __future__ import annotations

import pytest

from edge_router.device.latency import Pace, Speed, Timing, Work
from edge_router.device.measurement import Sample, ask, fit_speed, measure_speed, prompt
from edge_router.errors import BackendProtocolError, BackendUnavailable
from edge_router.testing import FakeBackend

SPEED = Speed(0.05, 400.0, 90.0, cold_s=0.5, input_growth_s=2e-6, output_growth_s=1e-6)


def sample(read: int, written: int, *, off: float = 1.0, cold: bool = False) -> Sample:
    """What an expert with SPEED takes, times `off`."""
    work = Work(read, written, cached_tokens=0 if cold else 20)
    first, rest = off * SPEED.first_token_s(work), off * SPEED.rest_s(work)
    load = SPEED.cold_s if cold else 0.0
    return Sample(work, Timing(load + first, load + first + rest))


def test_a_speed_is_found_again_from_its_own_times() -> None:
    """All six numbers, the load too."""
    samples = [sample(n, 24) for n in (36, 84, 276, 532, 1044, 1556)]
    result = fit_speed(samples, cold=sample(21, 1, cold=True))
    for name in ("start_s", "input_tokens_per_s", "output_tokens_per_s", "cold_s"):
        assert getattr(result, name) == pytest.approx(getattr(SPEED, name), rel=1e-6)
    assert result.input_growth_s == pytest.approx(SPEED.input_growth_s, rel=1e-6)
    assert result.output_growth_s == pytest.approx(SPEED.output_growth_s, rel=1e-6)


def test_a_speed_is_close_where_times_are_noisy_and_never_negative() -> None:
    """10 % to either side, so that a plain fit would ask for a start below zero."""
    off = (0.9, 1.1, 0.9, 1.1, 0.95, 1.05)
    lengths = (36, 84, 276, 532, 1044, 1556)
    result = fit_speed([sample(n, 24, off=o) for n, o in zip(lengths, off, strict=True)])
    assert min(result.start_s, result.input_growth_s, result.output_growth_s) >= 0
    for read in (50, 300, 1200):
        assert result.latency(read, 24) == pytest.approx(SPEED.latency(read, 24), rel=0.15)


def test_an_answer_that_comes_at_once_still_has_a_speed() -> None:
    """Writing then takes no time that could be seen, and reading takes all of it."""
    at_once = [Sample(Work(n, 8), Timing(n / 100, n / 100)) for n in (20, 40, 80)]
    result = fit_speed(at_once)
    assert result.input_tokens_per_s == pytest.approx(100.0)
    assert result.output_tokens_per_s > 1e4


def test_each_prompt_is_new_to_the_expert_and_fits_its_context() -> None:
    """Nothing but the template is cached; the share of what is done grows to 1."""
    backend, shares = FakeBackend("one two three"), list[float]()
    result = measure_speed(backend, context_tokens=400, repeats=2, progress=shares.append)
    texts = [request.messages[0].content for request in backend.requests]
    assert len(texts) == 1 + 2 * 3
    assert [len(text.split()) for text in texts] == [1, 16, 16, 64, 64, 256, 256]
    assert len(set(texts)) == len(texts)
    assert len(result.samples) == 6
    assert result.pace == Pace(first_seen=6, rest_seen=6)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert result.speed.cold_s == 0.0


def test_a_tiny_context_still_gets_the_shortest_prompt() -> None:
    """So that there is a speed at all."""
    assert len(measure_speed(FakeBackend(), context_tokens=50).samples) == 3


def test_the_load_is_measured_where_there_is_one() -> None:
    """The first answer of a model that was not loaded took longer."""

    class Model(FakeBackend):
        loaded = False
        model_bytes = 1

    slow = Model("one", delay_s=0.0)
    first = ask(slow, prompt(1, seed=0), max_tokens=1)
    assert first.work.output_tokens == 1
    assert measure_speed(slow, context_tokens=50, repeats=1).speed.cold_s >= 0.0


def test_an_expert_that_fails_or_says_nothing_cannot_be_measured() -> None:
    """Its error comes through."""
    with pytest.raises(BackendUnavailable, match="no memory"):
        measure_speed(FakeBackend(error=BackendUnavailable("no memory")))

    class Silent(FakeBackend):
        def stream(self, request, *, deadline):  # type: ignore[no-untyped-def]
            return iter(())

    with pytest.raises(BackendProtocolError, match="empty"):
        ask(Silent(), "Hello", max_tokens=1)
