"""EdgeRouter: route, ask, fall back where that is allowed, record."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge_router import AllBackendsFailed, AnswerRecord, Config, Constraints, EdgeRouter, Placement
from edge_router.device.machine import DeviceState
from edge_router.errors import BackendProtocolError, BackendRejected, BackendUnavailable
from edge_router.testing import FakeBackend
from made_experts import CLOUD, DOWN, LOCAL


def make(
    local: FakeBackend,
    cloud: FakeBackend,
    *,
    records: list[AnswerRecord] | None = None,
    min_gain: float = -1.0,
    budget_usd: float | None = None,
) -> EdgeRouter:
    """A router that wants the cloud, unless `min_gain` says otherwise."""
    experts = {"local": LOCAL, "cloud": CLOUD}
    config = Config(experts=experts, min_gain=min_gain, budget_usd=budget_usd, deadline_s=5.0)
    hooks = [records.append] if records is not None else []
    return EdgeRouter(config, backends={"local": local, "cloud": cloud}, hooks=hooks)


def test_the_chosen_expert_answers_and_the_record_names_it() -> None:
    """No other expert is asked."""
    local, cloud = FakeBackend("from here"), FakeBackend("from the cloud")
    answer = make(local, cloud).complete("Why?")
    assert answer.text == "from the cloud"
    assert (answer.record.answered_by, answer.record.failures) == ("cloud", {})
    assert local.requests == []


def test_a_stream_gives_its_record_at_the_end() -> None:
    """The decision is known at once, the record with the last piece."""
    stream = make(FakeBackend(), FakeBackend("one two three")).stream("Why?")
    assert (stream.decision.expert, stream.record) == ("cloud", None)
    assert "".join(chunk.delta for chunk in stream) == "one two three"
    assert stream.record is not None
    assert stream.record.answered_by == "cloud"
    assert stream.record.first_token_s <= stream.record.total_s


@pytest.mark.parametrize("streamed", [True, False])
def test_an_unavailable_cloud_falls_back_and_says_so(streamed: bool) -> None:
    """The record and the words have the failure."""
    records: list[AnswerRecord] = []
    router = make(FakeBackend("from here"), FakeBackend(error=DOWN), records=records)
    if streamed:
        text = "".join(chunk.delta for chunk in router.stream("Why?"))
    else:
        text = router.complete("Why?").text
    (record,) = records
    assert text == "from here"
    assert (record.answered_by, record.reason) == ("local", "fallback")
    assert "cloud is unavailable: connection refused" in record.words


@pytest.mark.parametrize("error", [BackendRejected("wrong key"), BackendProtocolError("nonsense")])
def test_any_other_failure_asks_nobody_else(error: BackendRejected | BackendProtocolError) -> None:
    """A wrong key must be seen, not papered over."""
    local = FakeBackend()
    with pytest.raises(type(error), match=str(error)):
        make(local, FakeBackend(error=error)).complete("Why?")
    assert local.requests == []


def test_a_stream_that_breaks_off_is_not_started_again() -> None:
    """What was read stays, and the error comes through."""
    local = FakeBackend("from here")
    cloud = FakeBackend("one two three", error=BackendProtocolError("broke off"), fail_after=2)
    stream = make(local, cloud).stream("Why?")
    assert [next(stream).delta, next(stream).delta] == ["one", " two"]
    with pytest.raises(BackendProtocolError, match="broke off"):
        next(stream)
    assert local.requests == []
    assert stream.record is not None
    assert (stream.record.ended, stream.record.reason) == ("broken", "broken")


def test_when_all_fail_every_failure_is_kept() -> None:
    """In the order in which they were asked."""
    router = make(FakeBackend(error=BackendUnavailable("no memory")), FakeBackend(error=DOWN))
    with pytest.raises(AllBackendsFailed, match=r"connection refused.*no memory") as caught:
        router.complete("Why?")
    assert list(caught.value.failures) == ["cloud", "local"]


def test_only_on_device_never_falls_back_to_the_cloud() -> None:
    """Not even when the device fails."""
    cloud = FakeBackend()
    router = make(FakeBackend(error=DOWN), cloud)
    with pytest.raises(AllBackendsFailed):
        router.complete("Why?", constraints=Constraints(placement=Placement.ONLY_ON_DEVICE))
    assert cloud.requests == []


def test_a_call_cannot_loosen_what_the_settings_promise() -> None:
    """Constraints given for other reasons leave `only_on_device` as it is."""
    cloud = FakeBackend()
    config = Config(
        experts={"local": LOCAL, "cloud": CLOUD}, min_gain=-1.0, placement=Placement.ONLY_ON_DEVICE
    )
    router = EdgeRouter(config, backends={"local": FakeBackend("from here"), "cloud": cloud})
    loose = Constraints(placement=Placement.PREFER_IN_CLOUD, max_cost_usd=1.0)
    assert router.complete("Why?", constraints=loose).record.answered_by == "local"
    assert cloud.requests == []


def test_cost_is_counted_from_tokens_and_ends_the_budget() -> None:
    """Once it is spent the cloud is ruled out, and the decision says why."""
    router = make(FakeBackend("from here"), FakeBackend("w " * 9), budget_usd=0.02)
    first = router.complete("Why? " * 100).record
    assert first.cost_usd == pytest.approx((125 * 100.0 + 10 * 1.0) / 1e6)
    second = router.complete("Why? " * 100).record
    assert (second.answered_by, second.reason, second.cost_usd) == ("local", "budget", 0.0)


def test_closing_a_stream_cancels_the_answer() -> None:
    """The backend's generator ends at once."""
    ended: list[bool] = []

    class Endless(FakeBackend):
        def stream(self, request, *, deadline):  # type: ignore[no-untyped-def]
            try:
                yield from self._forever(request, deadline)
            finally:
                ended.append(True)

        def _forever(self, request, deadline) -> Iterator[object]:  # type: ignore[no-untyped-def]
            while True:
                yield next(FakeBackend("word").stream(request, deadline=deadline))

    stream = make(FakeBackend(), Endless()).stream("Why?")
    next(stream)
    stream.close()
    assert ended == [True]


class Still:
    """A device that reports nothing."""

    def state(self) -> DeviceState:
        return DeviceState()


def test_a_cloud_expert_that_just_failed_is_not_asked_again_at_once() -> None:
    """The next query says why it went elsewhere; if no other expert may answer, it is asked."""
    server = replace(CLOUD, base_url="http://cloud.invalid/v1")
    config = Config(experts={"local": LOCAL, "cloud": server}, min_gain=-1.0)
    cloud = FakeBackend(error=DOWN)
    backends = {"local": FakeBackend("from here"), "cloud": cloud}
    with EdgeRouter(config, backends=backends, device=Still()) as router:
        assert router.complete("Why?").record.reason == "fallback"
        record = router.complete("Why?").record
        assert (record.answered_by, record.reason, len(cloud.requests)) == (
            "local",
            "unreachable",
            1,
        )
        cloud.error = None
        only = Constraints(placement=Placement.ONLY_IN_CLOUD)
        assert router.complete("Why?", constraints=only).record.answered_by == "cloud"
        assert router.complete("Why?").record.answered_by == "cloud"


def test_only_the_query_that_probes_an_expert_reports_its_result() -> None:
    """Another query skips it meanwhile, which is no failure of the expert."""
    server = replace(CLOUD, base_url="http://cloud.invalid/v1")
    config = Config(experts={"local": LOCAL, "cloud": server}, min_gain=-1.0)
    cloud = FakeBackend("from the cloud")
    backends = {"local": FakeBackend("from here"), "cloud": cloud}
    with EdgeRouter(config, backends=backends, device=Still()) as router:
        router.experience.failed("cloud", BackendUnavailable("down", retry_after_s=0.0))
        probe, *late = [router.stream("Why?") for _ in range(3)]  # all were decided for it
        assert next(probe).delta == "from"
        for stream in late:
            assert "".join(chunk.delta for chunk in stream) == "from here"
            assert stream.record is not None
            assert "tried again by another query" in stream.record.words
        assert "".join(chunk.delta for chunk in probe) == " the cloud"
        assert router.complete("Why?").record.answered_by == "cloud"
        assert len(cloud.requests) == 2


def test_answers_teach_the_next_estimate_and_are_kept_by_wish(tmp_path: Path) -> None:
    """Both ways of asking teach; nothing is written unless the settings say so."""
    for keep in (False, True):
        config = Config(experts={"local": LOCAL}, data_dir=str(tmp_path / "data"), keep_speeds=keep)
        with EdgeRouter(config, backends={"local": FakeBackend("w " * 30)}) as router:
            before = router.complete("Why?").record.decision.estimates["local"]
            list(router.stream("Why not?"))
            assert router.experience.paces["local"].rest_seen > 1
            after = router.complete("Why?").record.decision.estimates["local"]
            assert after.latency_s < before.latency_s
            assert after.output_tokens != before.output_tokens
        assert (tmp_path / "data").exists() is keep
    with EdgeRouter(config, backends={"local": FakeBackend()}) as router:
        assert router.experience.paces["local"].rest_seen > 1


def test_leaving_the_context_closes_every_backend() -> None:
    """Models, threads and sockets are given back."""
    local, cloud = FakeBackend(), FakeBackend()
    with make(local, cloud):
        pass
    assert local.closed
    assert cloud.closed
