"""TaskSet at its intended size: a hundred thousand labelled questions."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.tasks.enrolled import HeadClassifier
from edge_router.tasks.labelled import read_labelled
from edge_router.tasks.task_set import TaskSet
from made_tasks import embed, questions, write_rows


@pytest.mark.slow
def test_a_hundred_thousand_labelled_questions_are_enrolled(
    tmp_path: Path, artifact: RouterArtifact
) -> None:
    """Read, embedded, indexed and fitted to; then a query is named from all of them."""
    rows = write_rows(tmp_path / "q.jsonl", questions(33_334))
    kept = TaskSet(tmp_path, "large", artifact)
    head = kept.enrol(read_labelled(rows), embed)
    assert (head.questions, len(kept.index)) == (100_002, 100_002)
    assert HeadClassifier(kept.head, embed).classify("Who was the king?").task == "history"
    (nearest, *_) = kept.index.nearest(embed("Question 33333 about a court?"), 3)
    assert nearest.item == {"task": "law", "query": "Question 33333 about a court?"}
