"""Streams: closed from any thread, at any moment, and always with a record."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from edge_router import AnswerRecord, Config, ConfigError, EdgeRouter
from edge_router.backends.openai import OpenAIBackend
from edge_router.chat.completion import ChatChunk
from edge_router.client.answer import AnswerStream
from edge_router.errors import BackendProtocolError, RouterClosed
from edge_router.testing import FakeBackend
from made_experts import CLOUD, LOCAL

PRICED = replace(LOCAL, input_usd_per_million=0.0, output_usd_per_million=1e6)  # a dollar a token
WORDS = " ".join(["word"] * 40)


@pytest.fixture
def records() -> list[AnswerRecord]:
    """What hooks heard."""
    return []


def only_local(
    records: list[AnswerRecord], *, text: str = WORDS, delay_s: float = 0.0, **how: object
) -> EdgeRouter:
    """One expert, a dollar a token."""
    backend = FakeBackend(text, delay_s=delay_s, **how)  # type: ignore[arg-type]
    config = Config(experts={"local": PRICED}, deadline_s=30.0)
    return EdgeRouter(config, backends={"local": backend}, hooks=[records.append])


def in_thread(work: Callable[[], object]) -> tuple[threading.Thread, list[object]]:
    """Run `work`; gives the thread, and a list for its result or its error."""
    results: list[object] = []

    def run() -> None:
        try:
            results.append(work())
        except Exception as error:  # noqa: BLE001 - the test looks at it
            results.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, results


def text_of(stream: Iterator[object]) -> int:
    return sum(1 for _ in stream)


@pytest.mark.parametrize("pieces", [0, 3])
def test_close_from_another_thread_ends_it_soon(records: list[AnswerRecord], pieces: int) -> None:
    """Before the first piece and after some: the reader sees a normal end, hooks a record."""
    router = only_local(records, delay_s=0.01 if pieces else 20.0)
    stream = router.stream("Why?")
    for _ in range(pieces):
        next(stream)
    reader, results = in_thread(lambda: text_of(stream))
    time.sleep(0.05)
    started = time.monotonic()
    stream.close()
    reader.join(5)
    assert time.monotonic() - started < 2
    assert isinstance(results[0], int)
    assert stream.record is not None
    assert (stream.record.ended, stream.record.reason) == ("cancelled", "cancelled")
    assert records == [stream.record]


def test_a_stream_that_nobody_read_can_be_closed(records: list[AnswerRecord]) -> None:
    """No expert was asked, nothing is spent, and the record is there."""
    router = only_local(records)
    with router.stream("Why?") as stream:
        pass
    assert stream.record is not None
    assert (stream.record.ended, stream.record.cost_usd, stream.record.empty) == (
        "cancelled", 0, True,
    )  # fmt: skip
    assert list(stream) == []


def test_leaving_the_block_early_books_what_was_received(records: list[AnswerRecord]) -> None:
    """Seven words were read, seven dollars are spent."""
    router = only_local(records)
    with router.stream("Why?") as stream:
        for number, _ in enumerate(stream, 1):
            if number == 7:
                break
    assert stream.record is not None
    assert stream.record.usage is not None
    assert (stream.record.usage.completion_tokens, stream.record.cost_usd) == (7, 7.0)
    assert "cancelled" in stream.record.words


def test_a_dropped_stream_is_cancelled(records: list[AnswerRecord]) -> None:
    """After a `break` out of a loop over `router.stream(...)` no code closes it."""
    for _ in only_local(records).stream("Why?"):
        break
    gc.collect()
    assert [record.ended for record in records] == ["cancelled"]


def test_a_broken_answer_has_a_record_and_is_booked(records: list[AnswerRecord]) -> None:
    """The text that was read costs, and the error comes through."""
    router = only_local(records, error=BackendProtocolError("broke off"), fail_after=5)
    stream = router.stream("Why?")
    with pytest.raises(BackendProtocolError, match="broke off"):
        list(stream)
    assert stream.record is not None
    assert (stream.record.ended, stream.record.cost_usd) == ("broken", 5.0)
    assert records == [stream.record]


def test_a_whole_answer_stays_complete_when_it_is_closed(records: list[AnswerRecord]) -> None:
    """Callers stop at the last piece, without asking for one more."""
    stream = only_local(records, text="one two").stream("Why?")
    while next(stream).finish_reason is None:
        pass
    stream.close()
    assert stream.record is not None
    assert (stream.record.ended, stream.record.finish_reason) == ("complete", "stop")


def test_an_interruption_in_the_wait_is_a_cancelled_answer(records: list[AnswerRecord]) -> None:
    """Ctrl-C inside an expert's own code goes on to the caller, after the record."""

    class Interrupted(FakeBackend):
        def stream(self, *_: object, **__: object) -> Iterator[object]:  # type: ignore[override]
            raise KeyboardInterrupt
            yield

    config = Config(experts={"local": PRICED})
    router = EdgeRouter(config, backends={"local": Interrupted()}, hooks=[records.append])
    with pytest.raises(KeyboardInterrupt):
        router.complete("Why?")
    assert [record.ended for record in records] == ["cancelled"]


@pytest.mark.parametrize("verb", ["complete", "stream"])
def test_closing_the_router_ends_answers_under_way(records: list[AnswerRecord], verb: str) -> None:
    """Their threads get RouterClosed, the records say cancelled."""
    router = only_local(records, delay_s=20.0)
    call = router.complete if verb == "complete" else lambda text: text_of(router.stream(text))
    asked = router._backends["local"].requests  # type: ignore[attr-defined]
    thread, results = in_thread(lambda: call("Why?"))
    while not asked:
        time.sleep(0.01)
    started = time.monotonic()
    router.close()
    took = time.monotonic() - started
    thread.join(5)
    assert took < 2
    assert isinstance(results[0], RouterClosed)
    assert [record.ended for record in records] == ["cancelled"]


def test_closing_the_router_ends_a_suspended_stream(records: list[AnswerRecord]) -> None:
    """It is not being read; its next reader gets the error."""
    router = only_local(records)
    stream = router.stream("Why?")
    next(stream)
    router.close()
    assert stream.record is not None
    with pytest.raises(RouterClosed, match="during this answer"):
        next(stream)


def test_calls_after_close_are_refused(records: list[AnswerRecord]) -> None:
    """Every verb says so, and closing again is nothing."""
    router = only_local(records)
    router.close()
    router.close()
    for call in (router.complete, router.stream):
        with pytest.raises(RouterClosed, match="make a new one"):
            call("Why?")
    with pytest.raises(RouterClosed):
        router.feedback("id", 1.0)


def test_close_within_the_reading_thread_is_no_deadlock(records: list[AnswerRecord]) -> None:
    """As a signal handler does it, in the middle of a piece."""
    streams: list[AnswerStream] = []

    class Closing(FakeBackend):
        def stream(self, *args: object, **how: object) -> Iterator[object]:  # type: ignore[override]
            streams[0].close()
            yield from super().stream(*args, **how)  # type: ignore[arg-type]

    config = Config(experts={"local": PRICED})
    router = EdgeRouter(config, backends={"local": Closing(WORDS)}, hooks=[records.append])
    streams.append(router.stream("Why?"))
    assert list(streams[0]) == []
    assert [record.ended for record in records] == ["cancelled"]


def test_a_whole_answer_that_breaks_off_is_asked_of_the_next(records: list[AnswerRecord]) -> None:
    """Nothing of it was shown; both are booked, in one record."""
    cloud = FakeBackend("one two three", error=BackendProtocolError("broke off"), fail_after=2)
    config = Config(experts={"local": LOCAL, "cloud": CLOUD}, min_gain=-1.0)
    backends = {"local": FakeBackend("from here"), "cloud": cloud}
    answer = EdgeRouter(config, backends=backends, hooks=[records.append]).complete("Why?")
    assert (answer.text, answer.record.answered_by, answer.record.reason) == (
        "from here", "local", "fallback",
    )  # fmt: skip
    assert records == [answer.record]
    assert answer.record.cost_usd is not None
    assert answer.record.cost_usd > 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_has_no_part_in_an_answer_of_its_parent(records: list[AnswerRecord]) -> None:
    """Reading on is refused at once, closing does nothing; the parent's goes on."""
    router = only_local(records, text="one two three")
    stream = router.stream("Why?")
    next(stream)
    if (pid := os.fork()) == 0:
        try:
            router.close()
            next(stream)
        except RouterClosed as error:
            os._exit(3 if "parent process" in str(error) and not records else 4)
        finally:
            os._exit(5)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3
    assert "".join(chunk.delta for chunk in stream) == " two three"


def test_a_failing_backend_does_not_stop_the_rest_of_closing(
    records: list[AnswerRecord], caplog: pytest.LogCaptureFixture
) -> None:
    """One raises when it is closed, one in the generator: both are logged."""

    class Failing(FakeBackend):
        def stream(self, *_: object, **__: object) -> Iterator[object]:  # type: ignore[override]
            try:
                yield ChatChunk("1", "m", "one")
                yield ChatChunk("1", "m", "two")
            finally:
                raise OSError("its socket is gone")

        def close(self) -> None:
            raise OSError("its folder is gone")

    experts = {"local": LOCAL, "other": LOCAL}
    backends = {"local": Failing(), "other": FakeBackend()}
    router = EdgeRouter(Config(experts=experts), backends=backends, hooks=[records.append])
    stream = router.stream("Why?")
    next(stream)
    router.close()
    assert [record.ended for record in records] == ["cancelled"]
    assert backends["other"].closed
    assert "its folder is gone" in caplog.text


@pytest.mark.parametrize("pieces", [["text"], [None], [1]], ids=["text", "nothing", "number"])
def test_what_is_no_chunk_is_a_protocol_error(pieces: list[object]) -> None:
    """A backend of the user's own may give a list of anything."""

    class Odd(FakeBackend):
        def stream(self, *_: object, **__: object) -> list[object]:  # type: ignore[override]
            return pieces

    with pytest.raises(BackendProtocolError, match="no ChatChunk"):
        EdgeRouter(Config(experts={"local": LOCAL}), backends={"local": Odd()}).complete("Why?")


@pytest.mark.parametrize("backend", [None, object(), {}, "local"])
def test_what_is_no_backend_is_refused_at_once(backend: object) -> None:
    """Not at the first answer."""
    with pytest.raises(ConfigError, match="not a Backend"):
        EdgeRouter(Config(experts={"local": LOCAL}), backends={"local": backend})  # type: ignore[dict-item]


def test_a_server_elsewhere_cannot_stand_in_for_an_expert_on_this_device() -> None:
    """Else `offline` would be no promise."""
    far = OpenAIBackend("m", base_url="http://192.0.2.7:9/v1")
    with pytest.raises(ConfigError, match="on another host"):
        EdgeRouter(Config(experts={"local": LOCAL}), backends={"local": far})
