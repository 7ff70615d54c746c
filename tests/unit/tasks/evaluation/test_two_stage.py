"""TwoStageScores: the collaboration beside single experts, true tasks and the oracle."""

from __future__ import annotations

import numpy as np
import pytest

from edge_router.chat.completion import ChatRequest
from edge_router.tasks.evaluation.run import Evaluated
from edge_router.tasks.evaluation.two_stage import COLLABORATION, ORACLE, TRUE_TASK, TwoStageScores
from edge_router.tasks.labelled import LabelledQuestion
from edge_router.tasks.leaderboard import Leaderboard
from edge_router.tasks.mapping import TaskExpertMapping
from edge_router.tasks.task_list import UNKNOWN

BOARD = Leaderboard(
    ("x", "y"), np.array(["law", "law", "maths"]), np.array([[1.0, 0.0], [1, 0], [0, 1]])
)


def question(task: str, named: str, **scores: float) -> Evaluated:
    return Evaluated(LabelledQuestion(ChatRequest.of(task), task, "", scores), named, 0.1)


def test_each_question_scores_what_its_expert_scored() -> None:
    """law goes to x, maths to y, unknown to x, the better on average; rows without both do not
    count."""
    evaluated = [
        question("law", "law", x=1, y=0),
        question("law", "maths", x=1, y=0),
        question("maths", UNKNOWN, x=0, y=1),
        question("maths", "maths", x=0, y=0),
        question("maths", "maths", y=1),
    ]
    scores = TwoStageScores.of(evaluated, TaskExpertMapping.of(BOARD))
    assert scores is not None
    assert {name: values.tolist() for name, values in scores.scores.items()} == {
        "x": [1, 1, 0, 0],
        "y": [0, 0, 1, 0],
        COLLABORATION: [1, 0, 0, 0],
        TRUE_TASK: [1, 1, 1, 0],
        ORACLE: [1, 1, 1, 0],
    }
    assert scores.by_task()[TRUE_TASK] == {"law": 1.0, "maths": 0.5}
    assert scores.to_json()["accuracy"][ORACLE]["mean"] == pytest.approx(0.75)


def test_without_scores_there_is_nothing_to_compare() -> None:
    """A file of labelled questions alone."""
    assert TwoStageScores.of([question("law", "law")], TaskExpertMapping.of(BOARD)) is None
