"""Retries, circuit breaker and stall watchdog: composites that are backends themselves."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asking import pinging_after
from edge_router import ChatRequest, Config, EdgeRouter
from edge_router.backends.deadline import Deadline
from edge_router.chat.completion import ChatChunk
from edge_router.errors import (
    AllBackendsFailed,
    BackendError,
    BackendProtocolError,
    BackendRejected,
    BackendUnavailable,
)
from edge_router.layers.resilience import OPEN_S, Breaker, Circuit, Retrying, resilient
from edge_router.layers.watchdog import Watchdog
from edge_router.testing import FakeBackend
from fault_server import FaultServer, Peer, answer_json, piece
from made_experts import CLOUD, LOCAL

ASK = ChatRequest.of("Why?")
DOWN = BackendUnavailable("no connection")


class Failing(FakeBackend):
    """Fails with each of `errors` in turn, then answers."""

    def __init__(self, *errors: BackendError | None, after: int = 0) -> None:
        super().__init__("It is.", fail_after=after)
        self._errors = list(errors)

    def stream(
        self, request: ChatRequest, *, deadline: Deadline
    ) -> Generator[ChatChunk, None, None]:
        self.error = self._errors.pop(0) if self._errors else None
        yield from super().stream(request, deadline=deadline)


def soon() -> Deadline:
    return Deadline.after(10)


def retrying(inner: FakeBackend, **settings: Any) -> Retrying:
    """Without a wait."""
    return Retrying(inner, **{"draw": lambda: 0.0} | settings)


def both(backend: Any, deadline: Deadline | None = None) -> list[str]:
    """The texts of a whole answer and of a streamed one."""
    whole = backend.complete(ASK, deadline=deadline or soon()).text
    chunks = list(backend.stream(ASK, deadline=deadline or soon()))
    return [whole, "".join(chunk.delta for chunk in chunks)]


def test_a_passing_failure_is_tried_again() -> None:
    """Twice unless it is said otherwise, whole and streamed."""
    inner = Failing(DOWN, DOWN, None, DOWN, DOWN)
    assert both(retrying(inner)) == ["It is."] * 2
    assert len(inner.requests) == 6


def test_the_last_failure_is_raised() -> None:
    """After `retries` further tries."""
    inner = Failing(DOWN, DOWN, BackendUnavailable("the last"))
    with pytest.raises(BackendUnavailable, match="the last"):
        list(retrying(inner).stream(ASK, deadline=soon()))
    assert len(inner.requests) == 3


@pytest.mark.parametrize("error", [BackendRejected("400"), BackendProtocolError("no JSON")])
def test_a_refusal_is_not_tried_again(error: BackendError) -> None:
    """The same request would be refused the same way."""
    inner = Failing(error)
    for verb in (inner.complete, retrying(Failing(error)).complete):
        with pytest.raises(type(error)):
            verb(ASK, deadline=soon())
    with pytest.raises(type(error)):
        list(retrying(other := Failing(error)).stream(ASK, deadline=soon()))
    assert len(other.requests) == 1


def test_nothing_is_tried_again_after_the_first_piece() -> None:
    """It was read already."""
    inner = Failing(DOWN, after=1)
    with pytest.raises(BackendUnavailable):
        list(retrying(inner).stream(ASK, deadline=soon()))
    assert len(inner.requests) == 1


def test_the_server_says_how_long_to_wait() -> None:
    """Unless the deadline is nearer, or the silence that is allowed while another could answer."""
    inner = Failing(BackendUnavailable("429", retry_after_s=0.1))
    started = time.monotonic()
    assert retrying(inner, draw=lambda: 9.0).complete(ASK, deadline=soon()).text == "It is."
    assert 0.1 <= time.monotonic() - started < 1.0
    late = BackendUnavailable("429", retry_after_s=60.0)
    for deadline in (soon(), Deadline.after(600).attempt(silence_s=10.0)):
        started = time.monotonic()
        with pytest.raises(BackendUnavailable, match="429"):
            retrying(Failing(late)).complete(ASK, deadline=deadline)
        assert time.monotonic() - started < 0.5


def test_waits_double_and_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between nothing and the whole of them, so that clients do not come back all at once."""
    waits: list[float] = []
    monkeypatch.setattr(threading.Event, "wait", lambda _, timeout=None: waits.append(timeout))
    inner = Failing(*[DOWN] * 6)
    Retrying(inner, retries=6, draw=lambda: 0.5).complete(ASK, deadline=Deadline.after(600))
    assert [wait for wait in waits if wait] == [0.25, 0.5, 1.0, 2.0, 4.0, 4.0]


def test_a_cancelled_call_does_not_wait() -> None:
    """Nor does one of a backend that was closed."""
    deadline = soon()
    backend = Retrying(Failing(BackendUnavailable("429", retry_after_s=5.0)))
    threading.Timer(0.1, deadline.cancel).start()
    started = time.monotonic()
    with pytest.raises(BackendUnavailable):
        backend.complete(ASK, deadline=deadline)
    assert time.monotonic() - started < 1.0
    closed = Retrying(inner := Failing(DOWN))
    closed.close()
    with pytest.raises(BackendUnavailable):
        closed.complete(ASK, deadline=soon())
    assert len(inner.requests) == 1


class Clock:
    """Seconds that pass only when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def broken(clock: Clock, *errors: BackendError | None) -> tuple[Breaker, Failing]:
    inner = Failing(*errors)
    return Breaker(inner, name="cloud", circuit=Circuit(clock)), inner


def fails(backend: Breaker) -> str:
    with pytest.raises(BackendError) as caught:
        list(backend.stream(ASK, deadline=soon()))
    return str(caught.value)


def test_five_failures_in_a_row_open_the_circuit() -> None:
    """Then the server is left alone, and the error says for how long."""
    backend, inner = broken(Clock(), *[DOWN] * 5)
    assert [fails(backend) for _ in range(5)] == ["no connection"] * 5
    assert fails(backend) == "cloud failed too often and is not asked for 10 s more"
    assert len(inner.requests) == 5


def test_a_success_in_between_counts_anew() -> None:
    """And so does a refusal: the server is well."""
    backend, _ = broken(
        Clock(), *[DOWN] * 4, None, *[DOWN] * 4, BackendRejected("401"), *[DOWN] * 4
    )
    for n in range(14):
        if n == 4:
            assert list(backend.stream(ASK, deadline=soon()))
        else:
            fails(backend)
    assert backend.circuit.is_open  # half of the last ones failed, though never five in a row


def test_half_of_ten_in_30_seconds_open_it() -> None:
    """Older ones do not count."""
    clock = Clock()
    backend, _ = broken(clock, *[None, DOWN] * 20)
    for n in range(40):
        clock.now += 4.0
        list(backend.stream(ASK, deadline=soon())) if n % 2 == 0 else fails(backend)
    assert not backend.circuit.is_open  # eight of them in any 30 seconds
    backend, _ = broken(clock, *[None, DOWN] * 20)
    for n in range(10):
        list(backend.stream(ASK, deadline=soon())) if n % 2 == 0 else fails(backend)
    assert backend.circuit.is_open


def test_one_probe_closes_it_or_opens_it_for_longer() -> None:
    """While it is under way nobody else passes."""
    clock = Clock()
    backend, inner = broken(clock, *[DOWN] * 6)
    for _ in range(5):
        fails(backend)
    clock.now += OPEN_S
    fails(backend)
    assert fails(backend).endswith("is not asked for 20 s more")
    clock.now += 2 * OPEN_S
    probe = backend.stream(ASK, deadline=soon())
    inner.delay_s = 0.0
    assert backend.circuit.enter() == (0.0, True)
    assert "is not asked" in fails(backend)
    backend.circuit.left(probe=True)
    assert next(probe).delta == "It"
    assert not backend.circuit.is_open
    probe.close()
    assert both(backend) == ["It is."] * 2


def test_a_probe_that_is_cancelled_says_nothing() -> None:
    """The next call is the probe then."""
    clock = Clock()
    backend, _ = broken(clock, *[DOWN] * 5)
    for _ in range(5):
        fails(backend)
    clock.now += OPEN_S
    deadline = soon()
    deadline.cancel()
    with pytest.raises(BackendUnavailable, match="was cancelled"):
        list(backend.stream(ASK, deadline=deadline))
    assert list(backend.stream(ASK, deadline=soon()))


@given(st.lists(st.tuples(st.floats(0, 40), st.sampled_from(["ok", "fail", "leave"])), max_size=60))
def test_a_circuit_always_lets_somebody_through_again(events: list[tuple[float, str]]) -> None:
    """Whatever happened: after its wait, and never for longer than a minute and a probe."""
    clock = Clock()
    circuit = Circuit(clock)
    for seconds, outcome in events:
        clock.now += seconds
        wait_s, probe = circuit.enter()
        if wait_s > 0:
            assert wait_s <= 60.0
            continue
        if outcome == "ok":
            circuit.succeeded()
        elif outcome == "fail":
            circuit.failed(probe=probe)
        else:
            circuit.left(probe=probe)
    clock.now += 60.0
    assert circuit.enter()[0] == 0.0


def test_an_open_circuit_refuses_a_thousand_calls_at_once() -> None:
    """Each in less than a millisecond, and without a single connection."""
    backend, inner = broken(Clock(), *[DOWN] * 5)
    for _ in range(5):
        fails(backend)
    took = []
    for _ in range(1000):
        started = time.perf_counter()
        with pytest.raises(BackendUnavailable):
            list(backend.stream(ASK, deadline=soon()))
        took.append(time.perf_counter() - started)
    assert sorted(took)[500] < 0.001
    assert len(inner.requests) == 5


def test_threads_share_one_circuit() -> None:
    """Of many at once only one is the probe."""
    clock = Clock()
    circuit = Circuit(clock)
    for _ in range(5):
        circuit.failed()
    clock.now += OPEN_S
    passed = []
    threads = [threading.Thread(target=lambda: passed.append(circuit.enter())) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert passed.count((0.0, True)) == 1
    assert all(wait_s > 0 for wait_s, probe in passed if not probe)


@pytest.mark.parametrize(
    ("first", "kind"),
    [
        (ChatChunk("1", "m", "Hm"), BackendProtocolError),
        (ChatChunk("1", "m", "", reasoning_content="Hm"), BackendUnavailable),
    ],
)
def test_a_stall_between_pieces_is_a_failure(first: ChatChunk, kind: type[BackendError]) -> None:
    """After a piece of the answer it is broken; after a thought another expert may step in."""

    class Stalls(FakeBackend):
        def stream(self, request: Any, *, deadline: Deadline) -> Any:
            yield first
            yield from FakeBackend(delay_s=30.0).stream(request, deadline=deadline)

    deadline = soon()
    at = deadline.at
    started = time.monotonic()
    with pytest.raises(kind, match=r"cloud stalled: no piece came for 0\.2 s"):
        list(Watchdog(Stalls(), name="cloud", stall_s=0.2).stream(ASK, deadline=deadline))
    assert time.monotonic() - started < 2.0
    assert deadline.at == at


def test_a_slow_reader_is_no_stall() -> None:
    """Only the expert's time counts; and the deadline's own end is not called one."""
    backend = Watchdog(FakeBackend("a b c"), name="cloud", stall_s=0.1)
    texts = []
    for chunk in backend.stream(ASK, deadline=soon()):
        texts.append(chunk.delta)
        time.sleep(0.15)
    assert "".join(texts) == "a b c"
    slow = Watchdog(FakeBackend("a b c", delay_s=0.2), name="cloud", stall_s=5.0)
    with pytest.raises(BackendUnavailable, match="ran out of time"):
        list(slow.stream(ASK, deadline=Deadline.after(0.3)))


def test_pings_are_no_pieces() -> None:
    """A server may keep a connection open for ever."""
    with FaultServer(pinging_after(piece("One "))) as server:
        expert = replace(CLOUD, base_url=server.url, stall_timeout_s=0.3)
        with EdgeRouter(Config(experts={"cloud": expert})) as router:
            stream = router.stream("Why?")
            assert next(stream).delta == "One "
            with pytest.raises(
                BackendProtocolError, match=r"cloud stalled: no piece came for 0\.3 s"
            ):
                next(stream)


def test_a_busy_server_is_asked_again_by_the_client() -> None:
    """Its 503 was passing; the record has no failure."""

    def script(peer: Peer) -> None:
        while peer.request():
            script.asked += 1  # type: ignore[attr-defined]
            if script.asked < 3:  # type: ignore[attr-defined]
                peer.send(answer_json({}, status="503 Busy", retry_after="0"))
            else:
                peer.send(answer_json({"choices": [{"message": {"content": "It is."}}]}))

    script.asked = 0  # type: ignore[attr-defined]
    with FaultServer(script) as server:
        expert = replace(CLOUD, base_url=server.url)
        with EdgeRouter(Config(experts={"cloud": expert})) as router:
            answer = router.complete("Why?")
        assert (answer.text, answer.record.failures) == ("It is.", {})
        assert script.asked == 3  # type: ignore[attr-defined]
        with EdgeRouter(Config(experts={"cloud": replace(expert, retries=0)})) as router:
            script.asked = 1  # type: ignore[attr-defined]
            with pytest.raises(AllBackendsFailed, match="HTTP 503"):
                router.complete("Why?")


def test_only_what_is_far_is_wrapped() -> None:
    """A model in this process and a server beside it fail for reasons that a wait does not mend."""
    backend = FakeBackend()
    assert resilient(backend, LOCAL, name="local") is backend
    wrapped: Any = resilient(backend, CLOUD, name="cloud")
    assert isinstance(wrapped, Breaker)
    assert isinstance(wrapped.inner, Retrying)
    assert wrapped.inner.inner is backend
    once: Any = resilient(backend, replace(CLOUD, retries=0, stall_timeout_s=9.0), name="cloud")
    assert isinstance(once.inner, Watchdog)
    wrapped.close()
    assert backend.closed
