"""Whole enrolments on the shipped artifact, by function and by command."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_router.cli.main import main
from edge_router.errors import ConfigError
from edge_router.learning.enrolment.exam import exam_questions
from edge_router.learning.enrolment.grading import MAX_TOKENS
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.experts.enrolled import (
    EnrolledExpert,
    enrolled_names,
)
from edge_router.routing.router import Router
from edge_router.settings.config import Config
from edge_router.settings.constraints import Placement
from edge_router.testing import FakeBackend
from made_enroller import CLOUD, LOCAL, made_enroller


def _outcomes(tmp_path: Path) -> Path:
    path = tmp_path / "o.jsonl"
    path.write_text(
        "".join(json.dumps({"query": f"secret {n}", "score": n % 2}) + "\n" for n in range(8))
    )
    return path


def test_an_enrolled_expert_is_found_by_the_router(
    tmp_path: Path, artifact: RouterArtifact
) -> None:
    """Its head is the one fitted, its operating points and speed those of the nearest profile."""
    enroller = made_enroller(tmp_path, artifact)
    result = enroller.from_file(_outcomes(tmp_path))
    enroller.keep(result)
    config = Config(data_dir=str(tmp_path), experts={"a": replace(LOCAL, profile="mine")})
    (expert,) = Router.from_config(config).experts
    assert expert.profile == result.profile
    assert expert.head.bias == pytest.approx(result.head.bias)
    assert np.allclose(expert.head.weights, result.head.weights)
    assert expert.speed == Router.bundled().profiles[result.profile].speed


def test_what_is_kept_is_read_again_without_any_text(
    tmp_path: Path, artifact: RouterArtifact
) -> None:
    """With what it rests on."""
    enroller = made_enroller(tmp_path, artifact)
    path = enroller.keep(enroller.from_file(_outcomes(tmp_path)))
    evidence = EnrolledExpert.read(tmp_path, "mine", artifact).evidence
    assert (evidence.outcomes, evidence.mean_score) == (8, 0.5)
    assert evidence.artifact_hash == artifact.hash
    assert "secret" not in path.read_text()
    assert enrolled_names(tmp_path) == ["mine"]


def test_a_run_asks_chosen_questions_and_counts_earlier_answers(
    tmp_path: Path, artifact: RouterArtifact
) -> None:
    """Every capital is Paris to it, which is right for one; a second run asks nobody again."""
    count = len(exam_questions())
    result = made_enroller(tmp_path, artifact).from_run(count)
    assert result.outcomes == count
    assert 0 < (result.mean_score or 0) < 0.1
    silent = FakeBackend("Paris")
    assert made_enroller(tmp_path, artifact, backend=silent).from_run(5).outcomes == count
    assert silent.requests == []


def test_a_run_of_few_questions_asks_no_more(tmp_path: Path, artifact: RouterArtifact) -> None:
    """All wrong is an outcome too."""
    backend = FakeBackend("I do not know")
    result = made_enroller(tmp_path, artifact, backend=backend).from_run(5)
    assert (result.outcomes, result.mean_score) == (5, 0.0)
    assert len({request.messages for request in backend.requests}) == 5


def test_a_cloud_expert_is_not_asked_where_nothing_may_leave(
    tmp_path: Path, artifact: RouterArtifact
) -> None:
    """Offline, or only on the device; nor one that is not configured, nor with no question."""
    backend = FakeBackend("Paris")
    for settings in ({"offline": True}, {"placement": Placement.ONLY_ON_DEVICE}):
        enroller = made_enroller(tmp_path, artifact, "far", backend, **settings)
        with pytest.raises(ConfigError, match="nothing may leave this device"):
            enroller.from_run(5)
    assert backend.requests == []
    with pytest.raises(ConfigError, match="no expert 'who' is configured"):
        made_enroller(tmp_path, artifact, "who").from_run(5)
    with pytest.raises(ConfigError, match="must be 1 or more"):
        made_enroller(tmp_path, artifact).from_run(0)


def test_the_command_enrolls_and_reports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """JSON for machines, words for people, and what to type if something is missing."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert main(["enroll", "mine", "--profile", "3b", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["profile"], result["outcomes"]) == ("3b", 0)
    assert result["command"] == "edge-router enroll mine --profile 3b"
    assert Path(result["path"]).is_file()
    outcomes = str(_outcomes(tmp_path))
    assert main(["enroll", "mine", "--outcomes", outcomes]) == 0
    assert "enrolled from 8 outcomes (50% good)" in capsys.readouterr().out
    assert main(["models"]) == 0
    assert "enrolled on this device: mine\n" in capsys.readouterr().out
    assert main(["enroll", "mine"]) == 2
    assert "give --outcomes FILE, --run N, or --profile" in capsys.readouterr().err
    assert main(["enroll", "mine", "--profile", "huge"]) == 2
    assert "profile 'huge' is unknown" in capsys.readouterr().err


def test_an_expert_that_thinks_is_examined_with_room_for_it(
    tmp_path: Path, artifact: RouterArtifact
) -> None:
    """Three times its mean, some where its profile counts it, none where it does not think; and
    each effort has a journal of its own."""
    journals = set()
    for effort, thoughts, room in (
        ("high", 2000, 6000), ("high", 0, 2048), ("none", 300, 0), (None, None, 0),
    ):  # fmt: skip
        backend = FakeBackend("Paris")
        one = replace(CLOUD, reasoning_effort=effort, thought_tokens=thoughts)
        folder = tmp_path / f"{effort}-{thoughts}"
        enroller = made_enroller(folder, artifact, "far", backend, experts={"far": one})
        enroller.from_run(1)
        most = backend.requests[0].max_tokens
        assert room < most <= room + max(MAX_TOKENS.values())
        journals |= {path.name for path in folder.rglob("*.answers.jsonl")}
    assert len(journals) == 3
