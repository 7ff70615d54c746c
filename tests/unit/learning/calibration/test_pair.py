"""The pair of an operating point: its weak and strong expert, and pairs that are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_router.errors import ConfigError
from edge_router.learning.calibration.pair import Pair
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
