"""Hooks: called with every record, without delaying or failing an answer."""

from __future__ import annotations

import logging
import threading
import time

import pytest

from edge_router import AnswerRecord, Config, ConfigError, EdgeRouter
from edge_router.testing import FakeBackend
from made_experts import LOCAL

CONFIG = Config(experts={"local": LOCAL})


def asked(*hooks: object, stream: bool = False) -> tuple[str, float]:
    """The answer, and the seconds it took."""
    with EdgeRouter(CONFIG, backends={"local": FakeBackend("hello")}, hooks=hooks) as router:  # type: ignore[arg-type]
        started = time.monotonic()
        if stream:
            text = "".join(chunk.delta for chunk in router.stream("Why?"))
        else:
            text = router.complete("Why?").text
        return text, time.monotonic() - started


@pytest.mark.parametrize("stream", [False, True])
def test_a_hook_that_raises_costs_no_answer(stream: bool, caplog: pytest.LogCaptureFixture) -> None:
    """The failure is logged, and the next hook runs."""
    seen: list[AnswerRecord] = []

    def broken(record: AnswerRecord) -> None:
        raise ConnectionError("the metrics server is down")

    assert asked(broken, seen.append, stream=stream)[0] == "hello"
    assert len(seen) == 1
    assert "broken" in caplog.text


def test_a_slow_hook_does_not_hold_up_the_answer() -> None:
    """It goes on beside it."""
    release, ran = threading.Event(), threading.Event()

    def slow(record: AnswerRecord) -> None:
        release.wait(20)
        ran.set()

    with EdgeRouter(CONFIG, backends={"local": FakeBackend("hello")}, hooks=[slow]) as router:
        started = time.monotonic()
        assert router.complete("Why?").text == "hello"
        assert time.monotonic() - started < 5
        assert not ran.is_set()
        release.set()
    assert ran.wait(5)


def test_a_hook_may_ask_something_itself() -> None:
    """Its own answer is reported too, without waiting for itself."""
    texts: list[str] = []

    def curious(record: AnswerRecord) -> None:
        if not texts:
            texts.append("")
            texts.append(router.complete("And why?").text)

    router = EdgeRouter(CONFIG, backends={"local": FakeBackend("hello")}, hooks=[curious])
    router.complete("Why?")
    router.close()
    assert texts == ["", "hello"]


def test_a_slow_hook_is_named_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """So that its author finds it."""

    def slow(record: AnswerRecord) -> None:
        time.sleep(0.3)

    with caplog.at_level(logging.WARNING, "edge_router"):
        asked(slow)
    assert "slow" in caplog.text


def test_a_backend_for_nobody_is_refused() -> None:
    """A typo would else ask the configured one instead."""
    with pytest.raises(ConfigError, match=r"'locale'.*did you mean 'local'"):
        EdgeRouter(CONFIG, backends={"locale": FakeBackend()})


def test_whatever_a_hook_raises_the_others_go_on() -> None:
    """SystemExit ends its thread elsewhere, not here."""
    seen: list[AnswerRecord] = []

    def leaving(record: AnswerRecord) -> None:
        raise SystemExit(1)

    with EdgeRouter(
        CONFIG, backends={"local": FakeBackend("hello")}, hooks=[leaving, seen.append]
    ) as router:
        router.complete("Why?")
        router.complete("And why?")
    assert len(seen) == 2


@pytest.mark.parametrize("hooks", [None, print, [None], "abc", [5]])
def test_what_is_no_list_of_functions_is_refused(hooks: object) -> None:
    """At once, not with every answer."""
    with pytest.raises(ConfigError, match="give a list of functions"):
        EdgeRouter(CONFIG, hooks=hooks)  # type: ignore[arg-type]
