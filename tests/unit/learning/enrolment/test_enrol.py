"""Enrolment from a profile, its files and its names, with an encoder made for the test."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edge_router.cli.main import main
from edge_router.errors import ConfigError
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.experts.enrolled import (
    check_name,
    enrolled_path,
    head_of,
)
from edge_router.testing import FakeBackend
from made_enroller import HashEncoder, made_enroller


def test_a_stale_expert_is_refused_with_the_command_that_renews_it(
    tmp_path: Path, artifact: RouterArtifact
) -> None:
    """A head means nothing to another encoder; a broken file is no better."""
    enroller = made_enroller(tmp_path, artifact)
    path = enroller.keep(enroller.from_profile("3b"))
    with pytest.raises(ConfigError, match=r"enrol it again: edge-router enroll again$"):
        head_of("mine", replace(artifact, hash="0" * 64), tmp_path)
    for broken in ('{"head": 1}', path.read_text().replace('"bias": ', '"bias": NaN, "b": ')):
        path.write_text(broken)
        with pytest.raises(ConfigError, match="cannot be read"):
            head_of("mine", artifact, tmp_path)


def test_a_profile_alone_estimates_as_the_profile_does(
    tmp_path: Path, artifact: RouterArtifact
) -> None:
    """The same quality, to rounding."""
    found = made_enroller(tmp_path, artifact).from_profile("3b")
    query = HashEncoder(artifact.manifest.representation_dim).represent("new").vector[None]
    _, own = head_of("3b", artifact, tmp_path)
    assert found.head.qualities(query) == pytest.approx(own.qualities(query), abs=1e-4)
    assert found.outcomes == 0


def test_it_says_where_the_expert_stands(tmp_path: Path, artifact: RouterArtifact) -> None:
    """Beside all profiles, and against the best other cloud expert."""
    enroller = made_enroller(tmp_path, artifact)
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
    """They would be read in its place."""
    with pytest.raises(ConfigError, match="an expert of the router itself"):
        check_name("3b", artifact)


@pytest.mark.parametrize("how", [("--profile", "3b"), ("--run", "3")])
def test_a_folder_that_cannot_be_written_is_an_error_with_the_fix(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    how: tuple[str, str],
) -> None:
    """No traceback; no expert is asked either."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("EDGE_ROUTER_DATA_DIR", str(tmp_path / "file"))
    monkeypatch.setattr("edge_router.routing.opening.open_backend", lambda _: FakeBackend("local"))
    assert main(["enroll", "local" if how[0] == "--run" else "mine", *how]) == 2
    told = capsys.readouterr().err
    assert "cannot be written" in told
    assert "set data_dir" in told
