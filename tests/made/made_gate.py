"""A local expert whose answers a gate watches, and a cloud that may take them over."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from sure_question import QUESTION

import made_experts
from edge_router import Config, Router
from edge_router.client.asking.gate import FEATURES, DeferralGate, GateStage
from edge_router.routing.artifact.manifest import RouterArtifact
from made_experts import CLOUD

EASY = QUESTION
ELSEWHERE = "said elsewhere"
LOCAL = replace(made_experts.LOCAL, input_usd_per_million=0.01, output_usd_per_million=10.0)
BY_MARGIN = GateStage(-20.0, np.array([40.0 * (name == "min_margin") for name in FEATURES]))


@cache
def expected() -> Mapping[str, float]:
    """What the shipped router expects of each profile on the easy question."""
    return {name: result.quality for name, result in Router.bundled().estimate(EASY).items()}


def watched(folder: Path, artifact: RouterArtifact) -> Config:
    """A gate by the margin alone, and an operating point at which the query just stays here."""
    quality = expected()
    gate = DeferralGate("fake", artifact.hash, "135m", "2026-11-24", 10, {4: BY_MARGIN})
    (folder / "deferral.json").write_text(json.dumps(gate.to_json()))
    return Config(
        experts={"local": LOCAL, "cloud": CLOUD},
        min_gain=quality["frontier"] - quality["135m"] / 2,
        deferral="before",
        data_dir=str(folder),
        deadline_s=5.0,
    )
