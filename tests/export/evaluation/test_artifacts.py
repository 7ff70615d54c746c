"""The shipped artifact as a contender: its own heads, and one enrolled for a stranger."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tqdm", reason="the extra `export` is not installed")
from edge_router.export.evaluation import ArtifactContender, Tables, Task
from edge_router.export.evaluation.contenders import predictions
from edge_router.export.graphs import represent
from edge_router.export.graphs.represent import Representations
from edge_router.routing.artifact.encoder import OnnxEncoder
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.experts.expert import find_head
from small_tables import small_outcomes, small_rows

KNOWN = "gemini-1.5-pro-002"


@pytest.fixture(scope="module")
def task() -> Task:
    """A stranger and a model that the artifact was trained on."""
    rows = small_rows("t", {"stranger": 0.5, KNOWN: 0.9}, count=40)
    return Tables(small_outcomes(rows)).pair("t", "stranger", KNOWN)


def test_a_known_expert_has_the_quality_that_is_served(
    artifact: RouterArtifact, task: Task, tmp_path: Path
) -> None:
    """The same number as the router computes one query at a time."""
    result = ArtifactContender.of(artifact).predict(task, work=tmp_path, seed=0).utilities
    head = find_head(artifact.experts, KNOWN, artifact.calibration["temperature"])
    query = OnnxEncoder(artifact).represent(task.test.queries.texts[0])
    assert result[0, 1] == pytest.approx(head.qualities(query.vector[None])[0], abs=1e-6)
    assert ((result > 0) & (result < 1)).all()


def test_a_stranger_is_enrolled_on_the_train_rows(
    artifact: RouterArtifact, task: Task, tmp_path: Path
) -> None:
    """Its head starts from the profile 8b and moves towards what the stranger did."""
    contender = ArtifactContender.of(artifact)
    assert contender.enrolled(task) == ("stranger",)
    result = contender.predict(task, work=tmp_path, seed=0).utilities[:, 0]
    start = find_head(artifact.experts, "8b", artifact.calibration["temperature"])
    encoder = OnnxEncoder(artifact)
    vectors = np.array([encoder.represent(t).vector for t in task.test.queries.texts])
    before = start.qualities(vectors).mean()
    truth = task.train.scores[:, 0].mean()
    assert abs(result.mean() - truth) < abs(before - truth)


def test_a_text_is_represented_once(
    artifact: RouterArtifact, task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A killed run loses one chunk at most, and the next goes on from the files."""
    monkeypatch.setattr(represent, "CHUNK", 4)
    texts = task.test.queries.texts
    first = Representations.of_artifact(artifact, tmp_path).of([*texts, texts[0]])
    files = sorted(tmp_path.rglob("*.npz"))
    assert len(files) == 2
    assert artifact.hash[:16] in files[0].parent.name
    monkeypatch.setattr(represent, "OnnxEncoder", None)  # nobody may ask it again
    again = Representations.of_artifact(artifact, tmp_path).of(texts)
    assert np.array_equal(first[:-1], again)
    assert np.array_equal(first[0], first[-1])


def test_two_names_for_one_artifact(artifact: RouterArtifact, task: Task, tmp_path: Path) -> None:
    """Predictions are kept under the artifact's hash."""
    contender = ArtifactContender.of(artifact, name="ours / new")
    predictions(contender, task, work=tmp_path, seed=0)
    (kept,) = (tmp_path / "predictions").iterdir()
    assert kept.name.startswith(f"ours_new-{artifact.hash[:16]}-")
