"""Learning in use: kept, explored, scored, and never in the way of an answer."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from edge_router import Config, Constraints, EdgeRouter, Placement, Reason, Router
from edge_router.errors import BackendUnavailable, LearningError
from edge_router.learning.drift.mmd_test import LOOKS
from edge_router.learning.online import Learning, checked_score
from edge_router.learning.outcomes.log import FILE, OutcomeLog
from edge_router.learning.outcomes.outcome import Outcome
from edge_router.settings.expert_config import ExpertConfig
from edge_router.testing import FakeBackend

LOCAL = ExpertConfig("openai", "small", "135m", base_url="http://127.0.0.1:9/v1")
CLOUD = ExpertConfig(
    "openai", "big", "frontier", location="cloud", base_url="http://127.0.0.1:9/v1"
)
EXPERTS = {"local": LOCAL, "cloud": CLOUD}
QUERY = "Why is the sky blue?"


def learning(
    folder: Path, *, draw: float = 0.0, local: FakeBackend | None = None, **settings: object
) -> EdgeRouter:
    """One that wants the local expert, and explores whenever `draw` is below its rate of 0.1."""
    config = Config(experts=EXPERTS, data_dir=str(folder), min_gain=1.0)
    changed = config.with_changes(**{"learn": True, "exploration": 0.1} | settings)
    backends = {"local": local or FakeBackend("from here"), "cloud": FakeBackend("from there")}
    return EdgeRouter(changed, backends=backends, draw=lambda: draw)


def kept(folder: Path) -> list[Outcome]:
    """What lies in the log."""
    return OutcomeLog(folder / FILE).rows()


def test_an_explored_answer_is_kept_with_its_propensity_and_score(tmp_path: Path) -> None:
    """The row names the alternative expert."""
    with learning(tmp_path) as router:
        answer = router.complete(QUERY)
        assert router.feedback(answer.record.id, 0.75)
    assert (answer.text, answer.record.reason) == ("from there", "exploration")
    (row,) = kept(tmp_path)
    assert (row.expert, row.rival, row.answered_by) == ("cloud", "local", "cloud")
    assert (row.propensity, row.score) == (0.1, 0.75)


def test_a_streamed_answer_is_kept_like_a_whole_one(tmp_path: Path) -> None:
    """Not explored here: the other side of the same draw."""
    with learning(tmp_path, draw=0.1) as router:
        stream = router.stream(QUERY)
        assert "".join(chunk.delta for chunk in stream) == "from here"
        assert stream.record is not None
        assert router.feedback(stream.record.id, 1.0)
    (row,) = kept(tmp_path)
    assert (row.expert, row.rival, row.propensity, row.score) == ("local", "cloud", 0.9, 1.0)


def test_a_fallback_is_kept_as_one(tmp_path: Path) -> None:
    """The decided expert stays the first one asked."""
    down = FakeBackend(error=BackendUnavailable("connection refused"))
    with learning(tmp_path, draw=0.5, local=down) as router:
        assert router.complete(QUERY).text == "from there"
    (row,) = kept(tmp_path)
    assert (row.expert, row.answered_by) == ("local", "cloud")


def test_constraints_of_one_query_hold_for_explorers(tmp_path: Path) -> None:
    """What must stay on this device does, whatever is drawn."""
    private = Constraints(placement=Placement.ONLY_ON_DEVICE)
    with learning(tmp_path) as router:
        answer = router.complete(QUERY, constraints=private)
    assert (answer.text, answer.record.decision.propensity) == ("from here", 1.0)


def test_nobody_explores_what_cannot_be_kept(tmp_path: Path) -> None:
    """Another expert's answer would teach nothing: from the first failure on there is none."""
    (tmp_path / "file").write_text("in the way")
    with learning(tmp_path / "file" / "data") as router:
        reasons = [router.complete(QUERY).record.decision.reason for _ in range(3)]
    assert reasons == [Reason.EXPLORATION, *[Reason.CHEAPEST_IS_ENOUGH] * 2]


def test_drift_is_said_once_even_where_nothing_can_be_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One question over and over is nothing that the artifact knows; every answer comes."""
    (tmp_path / "file").write_text("in the way")
    with learning(tmp_path / "file" / "data", draw=1.0) as router:
        texts = {router.complete(QUERY).text for _ in range(3 * LOOKS[0])}
        until = time.monotonic() + 10
        while "edge-router drift" not in caplog.text and time.monotonic() < until:
            time.sleep(0.01)
    told = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert texts == {"from here"}
    for once in ("nothing is learned from now on", "edge-router drift"):
        assert sum(once in line for line in told) == 1, told


def test_an_explored_decision_explains_itself(tmp_path: Path) -> None:
    """With its own code and its propensity."""
    with learning(tmp_path) as router:
        found = router.router.explain(router.complete(QUERY).record.decision)
    assert (found.expert, found.wanted, found.reason) == ("cloud", "local", Reason.EXPLORATION)
    assert found.propensity == 0.1


def test_without_the_setting_there_is_nothing() -> None:
    """Neither a log nor exploration."""
    assert Learning.from_config(Config(), Router.bundled()) is None


@pytest.mark.parametrize("score", [-0.1, 1.1, float("nan")])
def test_a_score_is_from_0_to_1(score: float) -> None:
    """The message names it."""
    assert checked_score(0.0) == 0.0
    with pytest.raises(LearningError, match=f"score {score}"):
        checked_score(score)


@pytest.mark.parametrize(
    "score", [float("nan"), float("inf"), -0.1, 1.5, True, "1", b"1", None, [1], 10**400]
)
def test_a_score_that_is_no_number_in_0_to_1_is_refused(tmp_path: Path, score: object) -> None:
    """Before anything is written."""
    with learning(tmp_path) as router:
        answer = router.complete(QUERY)
        with pytest.raises(LearningError, match="must be a number from 0"):
            router.feedback(answer.record.id, score)  # type: ignore[arg-type]
        for odd in (5, None, [1], b"x", "\ud800"):
            assert not router.feedback(odd, 1)  # type: ignore[arg-type]
        assert router.feedback(answer.record.id, np.float32(0.5))  # type: ignore[arg-type]
    assert [row.score for row in kept(tmp_path)] == [0.5]
