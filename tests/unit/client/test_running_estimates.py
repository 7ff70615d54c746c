"""Running estimates and the state of the device, as one snapshot for a query."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from edge_router.backends.base import Backend
from edge_router.chat.completion import ChatRequest, Ending, Message, Usage
from edge_router.client.running_estimates import Experience, RecentDevice
from edge_router.device.latency import Speed
from edge_router.device.machine import DeviceState
from edge_router.device.speeds import read_speeds
from edge_router.errors import (
    BackendUnavailable,
    ContextExceeded,
    CostLimitReached,
    PrivacyWithheld,
)
from edge_router.routing.artifact.representation import Representation
from edge_router.routing.deciding.decision import Decision, Snapshot
from edge_router.routing.deciding.reason import Reason
from edge_router.routing.experts.expert import Expert, ExpertHead, Location, Pricing
from edge_router.routing.record import AnswerRecord
from edge_router.settings.config import Config
from edge_router.settings.expert_config import ExpertConfig
from edge_router.testing import FakeBackend
from made_estimates import estimated

SPEED = Speed(0.1, 100.0, 10.0, cold_s=2.0)
HEAD = ExpertHead(0.0, np.zeros(1, dtype=np.float32))
QUERY = Representation(np.zeros(1, dtype=np.float32), log_tokens=math.log(40))
LOCAL = Expert("local", "1b", Location.DEVICE, HEAD, SPEED, Pricing(0, 0), context_tokens=1000)
CLOUD = Expert("cloud", "70b", Location.CLOUD, HEAD, SPEED, Pricing(1, 1))
HELLO = ChatRequest((Message("user", "Hello! " * 100),))  # 175 tokens
WELL = DeviceState()


class Device:
    """A device whose state a test sets."""

    def __init__(self, state: DeviceState = WELL) -> None:
        self.now = state

    def state(self) -> DeviceState:
        return self.now


class Model(FakeBackend):
    """A backend with a model of 1,000 bytes."""

    loaded = False
    model_bytes = 1000


def experience(state: DeviceState = WELL, **settings: object) -> Experience:
    found = {"remote": {"cloud"}, "device": Device(state), **settings}
    return Experience([LOCAL, CLOUD], **found)  # type: ignore[arg-type]


def snapshot(
    known: Experience,
    request: ChatRequest = HELLO,
    backends: Mapping[str, Backend] | None = None,
) -> Snapshot:
    return known.snapshot(request, backends or {})


def answer(
    known: Experience,
    *,
    by: str = "local",
    request: ChatRequest = HELLO,
    written: int = 40,
    slower: float = 1.0,
    failures: Mapping[str, str] | None = None,
    dropped: int = 0,
    backends: Mapping[str, Backend] | None = None,
    ended: Ending = "complete",
) -> None:
    """One answer from an expert that is `slower` times as slow as SPEED says."""
    now = snapshot(known, request, backends)
    work = now.state(by).work(-(-request.characters // 4), written)
    first, rest = slower * SPEED.first_token_s(work), slower * SPEED.rest_s(work)
    expert = {"local": LOCAL, "cloud": CLOUD}[by]
    limits = {"input_tokens": 100, "max_tokens": request.max_tokens}
    estimate = estimated(expert, QUERY, **limits, state=now.state(by))
    decision = Decision(
        by, expert.location, Reason.CHEAPEST_IS_ENOUGH, by, (), {by: estimate}, {}, "", 0.0, 0.0
    )
    usage = Usage(100, written, dropped)
    record = AnswerRecord(
        "1", decision, by, failures or {}, usage, 0.0, 0.5, first + 0.5, first + rest + 0.5,
        ended=ended,
    )  # fmt: skip
    known.answered(record, request, now)


def latency(known: Experience, by: str = "local", request: ChatRequest = HELLO) -> float:
    expert = {"local": LOCAL, "cloud": CLOUD}[by]
    limits = {"input_tokens": 175, "max_tokens": 40}
    state = snapshot(known, request).state(by)
    return estimated(expert, QUERY, **limits, state=state).latency_s


def other(text: str) -> ChatRequest:
    return ChatRequest((Message("user", text),))


def test_ten_answers_follow_a_machine_that_became_twice_as_slow() -> None:
    """The time that routing took is not the expert's."""
    known = experience()
    before = latency(known)
    for number in range(10):
        answer(known, request=other(f"{number} " + "word " * 200), slower=2.0)
    assert latency(known) == pytest.approx(2 * before, rel=0.1)


@pytest.mark.parametrize("how", [{"failures": {"cloud": "down"}}, {"dropped": 3}])
def test_times_that_hold_something_else_teach_nothing(how: dict[str, object]) -> None:
    """A wait for an expert that failed; a history that was partly left out."""
    known = experience()
    answer(known, slower=9.0, **how)  # type: ignore[arg-type]
    assert known.paces == {}


def test_a_speed_that_the_settings_state_is_never_corrected() -> None:
    """It is what the user says it is."""
    known = experience(stated={"local"})
    answer(known, slower=9.0)
    assert known.paces == {}


def test_the_expected_length_follows_real_answers() -> None:
    """Fifteen answers half as long as expected: so is the next one, and its cost."""
    known = experience()
    for _ in range(40):
        answer(known, written=20)
    state = snapshot(known).state("local")
    found = estimated(LOCAL, QUERY, input_tokens=100, max_tokens=512, state=state)
    assert found.output_tokens == pytest.approx(20, rel=0.1)


def test_an_answer_that_was_cut_off_says_only_that_it_is_long() -> None:
    """Reaching the limit of 8 tokens never makes the next answer shorter."""
    known = experience()
    for _ in range(5):
        answer(known, request=replace(HELLO, max_tokens=8), written=8)
    assert snapshot(known).state("local").log_length == 0.0
    for _ in range(5):
        answer(known, written=600)
    assert snapshot(known).state("local").log_length > 0


def test_a_conversation_need_not_be_read_again() -> None:
    """The turns it has seen and its own answer are in the cache; only the new turn is not."""
    known = experience()
    answer(known)
    turns = (*HELLO.messages, Message("assistant", "Hi. " * 10), Message("user", "And now?"))
    assert snapshot(known, ChatRequest(turns)).state("local").cached_tokens == (700 + 40) // 4
    assert snapshot(known, ChatRequest(turns)).state("cloud").cached_tokens == 0


def test_a_switch_of_conversation_or_expert_loses_the_cache() -> None:
    """The local model has then read something else last, or not this turn."""
    known = experience()
    answer(known)
    answer(known, request=other("Something else"))
    assert snapshot(known).state("local").cached_tokens == 0
    known = experience()
    system = Message("system", "Be brief. " * 4)
    answer(known, request=ChatRequest((system, Message("user", "One"))))
    answer(known, by="cloud")
    turns = (system, Message("user", "Two"), Message("assistant", "2"), Message("user", "Three"))
    assert snapshot(known, ChatRequest(turns)).state("local").cached_tokens == 10
    answer(known, request=ChatRequest(turns), dropped=1)
    assert snapshot(known, ChatRequest(turns)).state("local").cached_tokens == 0


def test_a_model_that_is_not_loaded_is_cold() -> None:
    """Loading is part of the wait, until it has happened."""
    known, model = experience(), Model()
    assert snapshot(known, backends={"local": model}).state("local").cold
    model.loaded = True
    assert not snapshot(known, backends={"local": model}).state("local").cold
    assert not snapshot(known, backends={"local": FakeBackend()}).state("local").cold


def test_a_connection_is_cold_once_it_was_idle() -> None:
    """Half a minute after the last answer, or when the clock has jumped back."""
    now = [1000.0]
    known = experience(clock=lambda: now[0])
    assert snapshot(known).state("cloud").cold
    answer(known, by="cloud")
    for at, cold in ((1010.0, False), (1031.0, True), (500.0, True)):
        now[0] = at
        assert snapshot(known).state("cloud").cold is cold


def test_a_throttled_processor_makes_local_answers_slower() -> None:
    """Half of the clock, twice the seconds; the cloud does not mind."""
    normal, throttled = experience(), experience(DeviceState(clock_share=0.5))
    assert latency(throttled) == pytest.approx(2 * latency(normal))
    assert latency(throttled, "cloud") == latency(normal, "cloud")


@pytest.mark.parametrize(("free", "doubt"), [(999, Reason.MEMORY), (1000, None), (None, None)])
def test_a_model_that_would_not_fit_is_in_doubt(free: int | None, doubt: Reason | None) -> None:
    """Unless it is loaded already, or memory is unknown."""
    known, model = experience(DeviceState(free_memory_bytes=free)), Model()
    assert snapshot(known, backends={"local": model}).doubts.get("local") is doubt
    model.loaded = True
    assert snapshot(known, backends={"local": model}).doubts == {}


@pytest.mark.parametrize(
    ("battery", "discharging", "least", "doubt"),
    [
        (0.1, True, 0.2, Reason.LOW_BATTERY),
        (0.2, True, 0.2, None),
        (0.1, False, 0.2, None),
        (0.1, True, None, None),
        (None, None, 0.2, None),
    ],
)
def test_a_low_battery_spares_local_experts(
    battery: float | None, discharging: bool | None, least: float | None, doubt: Reason | None
) -> None:
    """Only where the user asked for it, and off the mains."""
    known = experience(DeviceState(battery=battery, discharging=discharging), min_battery=least)
    assert snapshot(known).doubts == ({} if doubt is None else {"local": doubt})


def test_without_a_route_what_needs_a_network_is_in_doubt() -> None:
    """A server on this machine needs none."""
    offline = DeviceState(connected=False)
    assert snapshot(experience(offline)).doubts == {"cloud": Reason.OFFLINE}
    assert snapshot(experience(offline, remote=())).doubts == {}


def test_who_could_not_be_reached_is_in_doubt_for_a_while() -> None:
    """Ten seconds, or as long as it said, a minute at most; an answer ends it, and so does a clock
    that jumps back."""
    now = [1000.0]
    known = experience(clock=lambda: now[0])
    for retry_after_s, seconds in ((None, 10.0), (30.0, 30.0), (9999.0, 60.0)):
        known.failed("cloud", BackendUnavailable("503", retry_after_s=retry_after_s))
        assert snapshot(known).doubts == {"cloud": Reason.UNREACHABLE}
        now[0] += seconds
        assert snapshot(known).doubts == {}
    known.failed("cloud", BackendUnavailable("503"))
    now[0] -= 500
    assert snapshot(known).doubts == {}
    now[0] += 500
    answer(known, by="cloud")
    assert snapshot(known).doubts == {}
    known.failed("local", BackendUnavailable("out of time"))
    assert snapshot(known).doubts == {}


@pytest.mark.parametrize(
    "error",
    [
        ContextExceeded("too long"),
        CostLimitReached("too dear", limit="budget", retry_after_s=30.0),
        PrivacyWithheld("private", kinds=("email",)),
    ],
)
def test_who_was_not_asked_or_had_too_little_room_is_not_down(error: BackendUnavailable) -> None:
    """The next query may ask it."""
    known = experience()
    known.failed("cloud", error)
    assert snapshot(known).doubts == {}


def test_one_query_asks_an_expert_that_was_unreachable_and_others_see_what_it_shows() -> None:
    """While the probe runs the others leave it alone; a probe that never ends counts for ten
    seconds."""
    now = [1000.0]
    known = experience(clock=lambda: now[0])
    known.failed("cloud", BackendUnavailable("503"))
    now[0] += 10
    assert snapshot(known).doubts == {}
    known.asking("cloud")
    assert snapshot(known).doubts == {"cloud": Reason.UNREACHABLE}
    now[0] += 10
    assert snapshot(known).doubts == {}
    known.asking("cloud")
    answer(known, by="cloud")
    known.asking("cloud")
    assert snapshot(known).doubts == {}


def test_a_server_on_this_machine_is_remembered_too() -> None:
    """One that hangs on loopback costs its wait once, not with every query."""
    known = experience(served={"local"})
    known.failed("local", BackendUnavailable("no answer in time"))
    assert snapshot(known).doubts == {"local": Reason.UNREACHABLE}


@pytest.mark.parametrize("ended", ["cancelled", "broken"])
def test_an_answer_without_its_end_teaches_no_length(ended: Ending) -> None:
    """But how fast the expert was, and that it can be reached."""
    known = experience()
    known.failed("cloud", BackendUnavailable("503"))
    answer(known, by="cloud", written=400, slower=3.0, ended=ended)
    state = snapshot(known).state("cloud")
    assert (state.log_length, snapshot(known).doubts) == (0.0, {})
    assert known.paces["cloud"].cold_s is not None


def test_a_snapshot_does_not_change() -> None:
    """What is learned later is for later queries."""
    known = experience()
    before = snapshot(known)
    told = before.state("local")
    answer(known, slower=3.0)
    assert before.state("local") == told != snapshot(known).state("local")


def test_threads_may_learn_at_once() -> None:
    """No answer is lost."""
    known = experience()
    threads = [Thread(target=answer, args=(known,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seen = known.paces["local"].rest_seen
    assert seen == pytest.approx(8 * 40 / 48)


def test_paces_are_kept_only_by_wish_and_a_full_disk_is_no_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What was learned is there the next time; a folder that cannot be made is said, not raised."""
    experts = {
        "local": ExpertConfig("llama_cpp", "small.gguf", "1b"),
        "cloud": ExpertConfig("openai", "big", "70b", base_url="https://x.invalid/v1"),
    }
    config = Config(data_dir=str(tmp_path / "data"), experts=experts)
    known = experience()
    answer(known, slower=3.0)
    known.keep(config)
    kept = read_speeds(config)["local"]
    assert (kept.speed, kept.pace) == (SPEED, known.paces["local"])
    (tmp_path / "file").write_text("")
    with caplog.at_level(logging.WARNING):
        known.keep(replace(config, data_dir=str(tmp_path / "file")))
    assert "could not be kept" in caplog.text
    again = Experience.of(config, [LOCAL, CLOUD], measured={"local": kept}, device=Device())
    assert again.paces == {"local": kept.pace}
    assert isinstance(snapshot(again).state("local").pace.first, float)


def test_what_a_device_costs_by_the_hour_is_part_of_the_cost() -> None:
    """6 seconds at 3 dollars an hour are half a cent."""
    wearing = replace(LOCAL, usd_per_hour=3.0)
    found = estimated(wearing, QUERY, input_tokens=190, max_tokens=40)
    assert found.latency_s == pytest.approx(6.0)
    assert found.cost_usd == pytest.approx(0.005)
    assert replace(wearing, pricing=None).cost(1, 1, 1) is None


class Counting:
    """A source that says how often it was read, as free memory."""

    reads = 0

    def state(self) -> DeviceState:
        self.reads += 1
        return DeviceState(free_memory_bytes=self.reads)


def test_the_files_are_not_read_for_every_query() -> None:
    """Again only after a second, or when the clock has jumped back."""
    now = [100.0]
    device = RecentDevice(Counting(), clock=lambda: now[0])
    for at, reads in ((100.0, 1), (100.9, 1), (101.0, 2), (50.0, 3), (50.5, 3)):
        now[0] = at
        assert device.state().free_memory_bytes == reads
