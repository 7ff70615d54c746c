"""The pair of an operating point: its weak and strong expert, and pairs that are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_router.errors import ConfigError
from edge_router.learning.calibration.pair import Pair
from edge_router.routing.experts.enrolled import EnrolledExpert, Provenance
from edge_router.routing.experts.expert import ExpertHead, Location, Pricing
from edge_router.routing.router import Router


@pytest.fixture(scope="module")
def router() -> Router:
    """The shipped router with one local expert."""
    return Router.bundled()


def test_profiles_and_known_models_make_a_pair(router: Router, tmp_path: Path) -> None:
    """A name is that of a profile, or of a model that the artifact knows."""
    model = next(iter(router.artifact.experts["experts"]))
    pair = Pair.of(router, tmp_path, weak="3b", strong=model)
    assert (pair.weak.profile, pair.strong.name) == ("3b", model)
    assert list(pair.profiles) == ["3b", model]


@pytest.mark.parametrize(
    ("weak", "strong", "fault"),
    [
        ("3b", None, "give both --weak and --strong"),
        ("3b", "3b", "have the same profile, 3b"),
        ("3b", "nothing", "expert 'nothing' is unknown"),
    ],
)
def test_what_is_no_pair_is_refused(
    router: Router, tmp_path: Path, weak: str, strong: str | None, fault: str
) -> None:
    """The message names the fix."""
    with pytest.raises(ConfigError, match=fault):
        Pair.of(router, tmp_path, weak=weak, strong=strong)


def test_enrolled_experts_make_a_pair_though_they_share_a_profile(
    router: Router, tmp_path: Path
) -> None:
    """Their heads differ; the weak one is free on this device, the strong one in the cloud."""
    provenance = Provenance(9, 0.5, "2026-11-30", "router-small", router.artifact.hash, "enroll")
    for name, bias in (("small", -1.0), ("big", 1.0)):
        head = ExpertHead(bias, router.profiles["3b"].head.weights)
        EnrolledExpert(name, "3b", head, provenance).write(tmp_path)
    pair = Pair.of(router, tmp_path, weak="small", strong="big")
    assert pair.profiles == {"small": "3b", "big": "3b"}
    assert (pair.weak.location, pair.weak.pricing) == (Location.DEVICE, Pricing(0.0, 0.0))
    assert (pair.strong.location, pair.strong.pricing) == (Location.CLOUD, None)
    with pytest.raises(ConfigError, match=r"use one of .*big, small, a model .*edge-router enroll"):
        Pair.of(router, tmp_path, weak="small", strong="bigger")
