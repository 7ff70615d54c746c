"""The gate: a logistic model around the router's own estimate, kept as JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_router.chat.completion import ChatChunk, TokenConfidence
from edge_router.client.asking.gate import (
    FEATURES,
    DeferralGate,
    GateStage,
    features,
    first_of_stage,
)
from edge_router.errors import ConfigError

CONFIDENCE = TokenConfidence(4, -0.5, 1.5, 0.25, -0.1, 0.9, 0.75)
ROUTER_ALONE = np.array([0.0] * 7 + [1.0])
GATE = DeferralGate("fake", "0" * 64, "135m", "2026-11-24", 10, {4: GateStage(0.0, ROUTER_ALONE)})


def test_features_by_name() -> None:
    """Seven numbers of the answer, the logarithm of its length among them, one of the router."""
    found = dict(zip(FEATURES, features(CONFIDENCE, 0.8), strict=True))
    assert found == pytest.approx(
        {
            "mean_log_probability": -0.5,
            "mean_entropy": 1.5,
            "min_margin": 0.25,
            "first_log_probability": -0.1,
            "first_entropy": 0.9,
            "first_margin": 0.75,
            "log_tokens": np.log(4),
            "router_log_odds": np.log(4),
        }
    )


@given(st.floats(0, 1))
def test_a_gate_of_the_prior_repeats_the_router(quality: float) -> None:
    """Weight 1 on its log-odds and nothing else."""
    found = GATE.probability(CONFIDENCE, quality, stage=4)
    assert found == pytest.approx(quality, abs=1e-5)


def test_the_fit_finds_the_weights_it_was_drawn_from() -> None:
    """And with three answers only it stays near its prior."""
    random = np.random.default_rng(0)
    design = random.normal(size=(4000, 2)) * [1.0, 10.0] + [0.0, 5.0]
    truth = GateStage(-1.0, np.array([2.0, 0.1]))
    scores = (random.random(4000) < truth.probability(design)).astype(np.float64)
    found = GateStage.fit(design, scores, prior=np.zeros(2))
    assert found.weights == pytest.approx(truth.weights, abs=0.15)
    assert found.bias == pytest.approx(truth.bias, abs=0.15)
    few = GateStage.fit(design[:3], scores[:3], prior=np.array([1.0, 0.0]))
    assert few.weights == pytest.approx([1.0, 0.0], abs=0.2)


def test_a_fit_on_answers_of_one_kind_stays_finite() -> None:
    """All good, and every feature the same."""
    found = GateStage.fit(np.ones((5, 2)), np.ones(5), prior=np.zeros(2))
    assert 0.9 < found.probability(np.ones((1, 2)))[0] < 1


def test_a_gate_survives_its_file(tmp_path: Path) -> None:
    """Written and read again it says the same."""
    file = tmp_path / "deferral.json"
    file.write_text(json.dumps(GATE.to_json()))
    found = DeferralGate.load(file, artifact="0" * 64)
    assert found.to_json() == GATE.to_json()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "cannot be read"),
        ("{", "is no deferral gate"),
        ("[]", "is no deferral gate"),
        (json.dumps(GATE.to_json() | {"features": ["mood"]}), "is no deferral gate.*mood"),
        (json.dumps(GATE.to_json() | {"stages": {}}), "is no deferral gate.*no stages"),
        (
            json.dumps(GATE.to_json() | {"stages": {"4": {"bias": 0, "weights": [1]}}}),
            r"is no deferral gate.*weights \[1\]",
        ),
        (
            json.dumps(replace(GATE, artifact="1" * 64).to_json()),
            "belongs to the router artifact 11",
        ),
    ],
)
def test_a_gate_that_cannot_be_used_is_refused(
    content: str | None, told: str, tmp_path: Path
) -> None:
    """With the command that makes a new one."""
    file = tmp_path / "deferral.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigError, match=f"{told}.*edge-router export deferral"):
        DeferralGate.load(file, artifact="0" * 64)


def test_the_figures_of_a_stage_are_the_first_that_reach_it() -> None:
    """A shorter answer gives its last ones, a backend without confidence gives none."""
    chunks = [
        ChatChunk("1", "m", "x", confidence=replace(CONFIDENCE, tokens=tokens))
        for tokens in (1, 3, 5, 6)
    ]
    found = [first_of_stage(chunks, stage) for stage in (1, 4, 16)]
    assert [known and known.tokens for known in found] == [1, 5, 6]
    assert first_of_stage([ChatChunk("1", "m", "x")], 4) is None
