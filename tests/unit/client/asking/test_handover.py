"""Deferral in the whole client: the expert that answers, the cost and the record."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import made_experts
from edge_router import (
    AllBackendsFailed,
    AnswerRecord,
    Config,
    ConfigError,
    Constraints,
    EdgeRouter,
    Placement,
)
from edge_router.client.asking.gate import FEATURES, DeferralGate, GateStage
from edge_router.errors import BackendRejected, BackendUnavailable
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.deciding.operating_point import Correction, fingerprint
from edge_router.routing.deciding.stored_points import StoredPoint
from edge_router.routing.experts.expert import find_head
from edge_router.testing import FakeBackend
from made_experts import CLOUD, DOWN
from made_gate import EASY, ELSEWHERE, LOCAL, expected, watched


@pytest.fixture(scope="module")
def quality() -> Mapping[str, float]:
    """What the shipped router expects of each profile on the easy question."""
    return expected()


@pytest.fixture
def settings(tmp_path: Path, artifact: RouterArtifact) -> Config:
    """A gate by the margin alone, and an operating point at which the query just stays here."""
    return watched(tmp_path, artifact)


WORDS = "one two three four five six seven eight"


def answer(
    config: Config, local: FakeBackend, cloud: FakeBackend, *, streamed: bool = True, **given: Any
) -> tuple[str, AnswerRecord]:
    """What comes of the easy question, and the record of it."""
    router = EdgeRouter(config, backends={"local": local, "cloud": cloud})
    if not streamed:
        found = router.complete(EASY, **given)
        return found.text, found.record
    stream = router.stream(EASY, **given)
    assert stream.decision.expert == "local"
    text = "".join(chunk.delta for chunk in stream)
    assert stream.record is not None
    return text, stream.record


@pytest.mark.parametrize("streamed", [True, False])
def test_a_bad_local_answer_is_handed_over_and_the_record_says_so(
    settings: Config, streamed: bool
) -> None:
    """The cost is that of both; the code is `deferred`."""
    local, cloud = FakeBackend(WORDS, margin=0.1), FakeBackend(ELSEWHERE)
    text, record = answer(settings, local, cloud, streamed=streamed)
    assert (text, record.answered_by, record.reason) == (ELSEWHERE, "cloud", "deferred")
    assert record.decision.expert == "local"
    assert record.deferral is not None
    assert (record.deferral.expert, record.deferral.tokens) == ("local", 4)
    begun, asked = -(-len(EASY) // 4) * 0.01 + 5 * 10.0, len(EASY) // 4 * 100.0 + 2 * 1.0
    assert record.cost_usd == pytest.approx((begun + asked) / 1e6)
    assert "local's answer was good with a chance of 0%, so cloud was asked" in record.words


@pytest.mark.parametrize(("mode", "answered"), [("cheapest", "local"), ("as_usual", "cloud")])
def test_what_no_model_can_know_is_not_handed_over(
    settings: Config, mode: str, answered: str
) -> None:
    """However bad the answer begins, unless such queries are decided as usual."""
    backends = {"local": FakeBackend(WORDS, margin=0.1), "cloud": FakeBackend(ELSEWHERE)}
    experts = {"local": replace(LOCAL, output_usd_per_million=0.01), "cloud": CLOUD}
    config = replace(settings, needs_tools=mode, min_gain=0.55, experts=experts)
    record = EdgeRouter(config, backends=backends).complete("turn off the kitchen light").record
    assert (record.decision.expert, record.answered_by) == ("local", answered)
    assert (record.deferral is None) is (answered == "local")


def test_the_gate_sees_what_was_expected_before_any_correction(
    settings: Config, artifact: RouterArtifact, quality: Mapping[str, float], tmp_path: Path
) -> None:
    """It was fitted to that: here it passes what the artifact expects, and nothing lower."""
    weak, strong = quality["135m"], quality["frontier"]
    by_quality = np.array([40.0 * (name == "router_log_odds") for name in FEATURES])
    bias = 20.0 - 40.0 * float(np.log(weak / (1 - weak)))
    gate = DeferralGate(
        "fake", artifact.hash, "135m", "2026-11-24", 10, {4: GateStage(bias, by_quality)}
    )
    (tmp_path / "deferral.json").write_text(json.dumps(gate.to_json()))
    lower = Correction(1.0, -1.0)
    least = strong - float(lower.corrected(np.array(weak))) / 2
    made_for = {"name": artifact.manifest.name, "hash": artifact.hash}
    experts = {"local": "135m", "cloud": "frontier"}
    head = fingerprint(find_head(artifact.experts, "135m", artifact.calibration["temperature"]))
    StoredPoint(
        "mine", "", least, [], 0.95, {}, experts, made_for, "", "", needs_tools="cheapest",
        corrections={"local": lower}, heads={"local": head},
    ).write(tmp_path)  # fmt: skip
    config = replace(settings, min_gain=None, operating_point="mine")
    text, record = answer(config, FakeBackend(WORDS, margin=0.1), FakeBackend(ELSEWHERE))
    assert record.decision.estimates["local"].quality < weak
    assert (text, record.deferral) == (WORDS, None)


@pytest.mark.parametrize("streamed", [True, False])
def test_a_good_local_answer_stays(settings: Config, streamed: bool) -> None:
    """No other expert is asked, and the record has no deferral."""
    cloud = FakeBackend(ELSEWHERE)
    local = FakeBackend(WORDS, margin=0.9)
    text, record = answer(settings, local, cloud, streamed=streamed)
    assert (text, record.answered_by, record.deferral) == (WORDS, "local", None)
    assert cloud.requests == []


def test_off_is_the_default_and_looks_at_nothing(settings: Config) -> None:
    """Even with a gate there, and a bad answer."""
    off = replace(settings, deferral=Config().deferral)
    text, record = answer(off, FakeBackend(WORDS, margin=0.1), FakeBackend(ELSEWHERE))
    assert (text, record.deferral) == (WORDS, None)


@pytest.mark.parametrize("streamed", [True, False])
def test_with_the_cloud_down_the_local_answer_goes_on(settings: Config, streamed: bool) -> None:
    """Whole, asked once, and the record names the failure."""
    local, cloud = FakeBackend(WORDS, margin=0.1), FakeBackend(error=DOWN)
    text, record = answer(settings, local, cloud, streamed=streamed)
    assert (text, record.answered_by, record.reason) == (WORDS, "local", "fallback")
    assert (len(local.requests), len(cloud.requests)) == (1, 1)
    assert "so cloud was asked" in record.words
    assert "cloud is unavailable: connection refused" in record.words


@pytest.mark.parametrize(
    "limits",
    [
        Constraints(placement=Placement.ONLY_ON_DEVICE),
        Constraints(offline=True),
        Constraints(max_latency_s=0.001),
        Constraints(budget_left_usd=0.0),
    ],
)
def test_what_may_not_leave_the_device_does_not(settings: Config, limits: Constraints) -> None:
    """However bad the answer is."""
    free = replace(LOCAL, input_usd_per_million=0.0, output_usd_per_million=0.0)
    fast = replace(free, start_s=0.0, input_tokens_per_s=1e12, output_tokens_per_s=1e12)
    config = replace(settings, experts={"local": fast, "cloud": CLOUD})
    cloud = FakeBackend(ELSEWHERE)
    text, _ = answer(config, FakeBackend(WORDS, margin=0.1), cloud, constraints=limits)
    assert (text, cloud.requests) == (WORDS, [])


def test_a_budget_spent_meanwhile_keeps_the_answer_here(settings: Config) -> None:
    """The budget is looked at again when the answer is to be handed over."""
    experts = {"local": made_experts.LOCAL, "cloud": CLOUD}  # the local one is free
    config = replace(settings, budget_usd=1.0, experts=experts)
    cloud = FakeBackend(ELSEWHERE)
    backends = {"local": FakeBackend(WORDS, margin=0.1), "cloud": cloud}
    router = EdgeRouter(config, backends=backends)
    stream = router.stream(EASY)
    router._budget._spent_usd = 1.0
    assert "".join(chunk.delta for chunk in stream) == WORDS
    assert cloud.requests == []


def test_a_wrong_key_is_seen_and_not_papered_over(settings: Config) -> None:
    """As without deferral: only an unavailable expert is stepped in for."""
    with pytest.raises(BackendRejected, match="wrong key"):
        answer(
            settings,
            FakeBackend(WORDS, margin=0.1),
            FakeBackend(error=BackendRejected("wrong key")),
        )


def test_a_cloud_that_failed_is_not_asked_twice(settings: Config) -> None:
    """The local model dies while the cloud is down: both failures are reported, each asked once."""
    local = FakeBackend(WORDS, margin=0.1, error=BackendUnavailable("no memory"), fail_after=6)
    cloud = FakeBackend(error=DOWN)
    router = EdgeRouter(settings, backends={"local": local, "cloud": cloud})
    with pytest.raises(AllBackendsFailed, match=r"no memory"):
        router.complete(EASY)
    assert len(cloud.requests) == 1


def test_a_local_model_that_fails_while_held_back_falls_back(settings: Config) -> None:
    """Nothing was shown yet."""
    local = FakeBackend(WORDS, margin=0.9, error=BackendUnavailable("no memory"), fail_after=2)
    text, record = answer(settings, local, FakeBackend(ELSEWHERE))
    assert (text, record.answered_by, record.reason) == (ELSEWHERE, "cloud", "fallback")


def test_a_gate_for_nobody_here_is_refused(settings: Config) -> None:
    """At once, not when an answer should be judged."""
    with pytest.raises(ConfigError, match="profile '135m'; configure one or set deferral = 'off'"):
        EdgeRouter(replace(settings, experts={"cloud": CLOUD}))
