"""Enrolment from end to end, on the shipped router with an encoder and an expert of our own."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_router.cli.main import main
from edge_router.errors import ConfigError
from edge_router.learning.enrolment.enrol import Enroller
from edge_router.learning.enrolment.exam import exam_questions
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.artifact.representation import Representation
from edge_router.routing.experts.enrolled import (
    EnrolledExpert,
    check_name,
    enrolled_names,
    enrolled_path,
    head_of,
)
from edge_router.routing.router import Router
from edge_router.settings.config import Config
from edge_router.settings.constraints import Placement
from edge_router.settings.expert_config import ExpertConfig
from edge_router.testing import FakeBackend

LOCAL = ExpertConfig("llama_cpp", "smollm2-135m", "135m", context_tokens=2048)
CLOUD = ExpertConfig("openai", "m", "8b", location="cloud", base_url="http://127.0.0.1:9/v1")


class HashEncoder:
    """A vector of each text's own, made of its bytes."""

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def represent(self, text: str) -> Representation:
        random = np.random.default_rng(list(text.encode()))
        return Representation(random.normal(size=self.dim).astype(np.float32), 3.0)


def _enroller(
    tmp_path: Path,
    artifact: RouterArtifact,
    name: str = "mine",
    backend: FakeBackend | None = None,
    **settings: object,
) -> Enroller:
    config = Config(data_dir=str(tmp_path), experts={"mine": LOCAL, "far": CLOUD})
    encoder = HashEncoder(artifact.manifest.representation_dim)
    changed = replace(config, **settings)  # type: ignore[arg-type]
    return Enroller(
        changed,
        name,
        command="edge-router enroll again",
        backend=backend or FakeBackend("Paris"),
        encoder=encoder,
    )


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
    enroller = _enroller(tmp_path, artifact)
    found = enroller.from_file(_outcomes(tmp_path))
    enroller.keep(found)
    config = Config(data_dir=str(tmp_path), experts={"a": replace(LOCAL, profile="mine")})
    (expert,) = Router.from_config(config).experts
    assert expert.profile == found.profile
    assert expert.head.bias == pytest.approx(found.head.bias)
    assert np.allclose(expert.head.weights, found.head.weights)
    assert expert.speed == Router.bundled().profiles[found.profile].speed


def test_what_is_kept_is_read_again_without_any_text(
    tmp_path: Path, artifact: RouterArtifact
) -> None:
    """With what it rests on."""
    enroller = _enroller(tmp_path, artifact)
    path = enroller.keep(enroller.from_file(_outcomes(tmp_path)))
    evidence = EnrolledExpert.read(tmp_path, "mine", artifact).evidence
    assert (evidence.outcomes, evidence.mean_score) == (8, 0.5)
    assert evidence.artifact_hash == artifact.hash
    assert "secret" not in path.read_text()
    assert enrolled_names(tmp_path) == ["mine"]


def test_a_stale_expert_is_refused_with_the_command_that_renews_it(
    tmp_path: Path, artifact: RouterArtifact
) -> None:
    """A head means nothing to another encoder; a broken file is no better."""
    enroller = _enroller(tmp_path, artifact)
    path = enroller.keep(enroller.from_profile("3b"))
    with pytest.raises(ConfigError, match="Renew it: edge-router enroll again"):
        head_of("mine", replace(artifact, hash="0" * 64), tmp_path)
    for broken in ('{"head": 1}', path.read_text().replace('"bias": ', '"bias": NaN, "b": ')):
        path.write_text(broken)
        with pytest.raises(ConfigError, match="cannot be read"):
            head_of("mine", artifact, tmp_path)


def test_a_profile_alone_estimates_as_the_profile_does(
    tmp_path: Path, artifact: RouterArtifact
) -> None:
    """The same quality, to rounding."""
    found = _enroller(tmp_path, artifact).from_profile("3b")
    query = HashEncoder(artifact.manifest.representation_dim).represent("new").vector[None]
    _, own = head_of("3b", artifact, tmp_path)
    assert found.head.qualities(query) == pytest.approx(own.qualities(query), abs=1e-4)
    assert found.outcomes == 0


def test_a_run_asks_chosen_questions_and_counts_earlier_answers(
    tmp_path: Path, artifact: RouterArtifact
) -> None:
    """Every capital is Paris to it, which is right for one; a second run asks nobody again."""
    count = len(exam_questions())
    found = _enroller(tmp_path, artifact).from_run(count)
    assert found.outcomes == count
    assert 0 < (found.mean_score or 0) < 0.1
    silent = FakeBackend("Paris")
    assert _enroller(tmp_path, artifact, backend=silent).from_run(5).outcomes == count
    assert silent.requests == []


def test_a_run_of_few_questions_asks_no_more(tmp_path: Path, artifact: RouterArtifact) -> None:
    """All wrong is an outcome too."""
    backend = FakeBackend("I do not know")
    found = _enroller(tmp_path, artifact, backend=backend).from_run(5)
    assert (found.outcomes, found.mean_score) == (5, 0.0)
    assert len({request.messages for request in backend.requests}) == 5


def test_a_cloud_expert_is_not_asked_where_nothing_may_leave(
    tmp_path: Path, artifact: RouterArtifact
) -> None:
    """Offline, or only on the device; nor one that is not configured, nor with no question."""
    backend = FakeBackend("Paris")
    for settings in ({"offline": True}, {"placement": Placement.ONLY_ON_DEVICE}):
        enroller = _enroller(tmp_path, artifact, "far", backend, **settings)
        with pytest.raises(ConfigError, match="nothing may leave this device"):
            enroller.from_run(5)
    assert backend.requests == []
    with pytest.raises(ConfigError, match="no expert 'who' is configured"):
        _enroller(tmp_path, artifact, "who").from_run(5)
    with pytest.raises(ConfigError, match="must be 1 or more"):
        _enroller(tmp_path, artifact).from_run(0)


def test_it_says_where_the_expert_stands(tmp_path: Path, artifact: RouterArtifact) -> None:
    """Beside all profiles, and against the best other cloud expert."""
    enroller = _enroller(tmp_path, artifact)
    standing = enroller.standing(enroller.from_profile("135m"))
    assert standing is not None
    assert standing.profiles.keys() == set(artifact.experts["profiles"])
    assert standing.low < standing.quality < standing.high
    assert standing.quality == pytest.approx(standing.profiles["135m"], abs=1e-3)
    assert standing.gap is not None
    assert standing.gap.strong == "far"


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", "x" * 65, "a\x00b", "a\n"])
def test_a_name_that_is_a_path_is_refused(
    name: str, tmp_path: Path, artifact: RouterArtifact
) -> None:
    """Nothing is ever written outside the folder, nor read."""
    with pytest.raises(ConfigError, match="cannot be the name of a file"):
        enrolled_path(tmp_path, name)
    with pytest.raises(ConfigError, match="is unknown"):
        head_of(name, artifact, tmp_path)


def test_the_routers_own_names_are_taken(artifact: RouterArtifact) -> None:
    """They would be found first."""
    with pytest.raises(ConfigError, match="an expert of the router itself"):
        check_name("3b", artifact)


@pytest.mark.parametrize("how", [("--profile", "3b"), ("--run", "3")])
def test_a_folder_that_cannot_be_written_is_an_error_with_the_fix(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    how: tuple[str, str],
) -> None:
    """No traceback; nobody is asked either."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("EDGE_ROUTER_DATA_DIR", str(tmp_path / "file"))
    monkeypatch.setattr("edge_router.routing.opening.open_backend", lambda _: FakeBackend("local"))
    assert main(["enroll", "local" if how[0] == "--run" else "mine", *how]) == 2
    told = capsys.readouterr().err
    assert "cannot be written" in told
    assert "set data_dir" in told


def test_the_command_enrolls_and_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """JSON for machines, words for people, and what to type if something is missing."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert main(["enroll", "mine", "--profile", "3b", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["profile"], found["outcomes"]) == ("3b", 0)
    assert found["command"] == "edge-router enroll mine --profile 3b"
    assert Path(found["path"]).is_file()
    outcomes = str(_outcomes(tmp_path))
    assert main(["enroll", "mine", "--outcomes", outcomes]) == 0
    assert "enrolled from 8 outcomes (50% good)" in capsys.readouterr().out
    assert main(["models"]) == 0
    assert "enrolled on this device: mine\n" in capsys.readouterr().out
    assert main(["enroll", "mine"]) == 2
    assert "give --outcomes FILE, --run N, or --profile" in capsys.readouterr().err
    assert main(["enroll", "mine", "--profile", "huge"]) == 2
    assert "profile 'huge' is unknown" in capsys.readouterr().err
