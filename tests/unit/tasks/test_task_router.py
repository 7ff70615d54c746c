"""TaskRouter: both stages through the client; limits, fallbacks, edits and a silent classifier."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

import numpy as np
import pytest

from edge_router import Config, Constraints, EdgeRouter, Reason
from edge_router.chat.completion import ChatRequest, Prompt
from edge_router.errors import BackendRejected, BackendUnavailable, ConfigError
from edge_router.tasks.classification import Classification
from edge_router.tasks.leaderboard import Leaderboard
from edge_router.tasks.llm import LLMTaskClassifier, asking_client
from edge_router.tasks.mapping import TaskExpertMapping
from edge_router.tasks.task_list import UNKNOWN, TaskList
from edge_router.tasks.task_router import TaskRouter
from edge_router.testing import FakeBackend
from made_experts import CLOUD, DOWN, LOCAL

# maths: the cloud expert is right on 8 of 10; law: the local one; both together: the cloud one.
SCORES = {"maths": ([0.1] * 10, [0.8] * 10), "law": ([0.6] * 10, [0.5] * 10)}


def mapping() -> TaskExpertMapping:
    tasks = np.array([task for task in SCORES for _ in range(10)])
    scores = np.concatenate([np.array(pair).T for pair in SCORES.values()])
    return TaskExpertMapping.of(Leaderboard(("local", "cloud"), tasks, scores))


@dataclass
class ByWord:
    """Names the task whose word the query holds, with the probabilities it was made with."""

    probabilities: dict[str, float] = field(default_factory=dict)
    name: str = "by word"
    tasks: TaskList = field(default_factory=lambda: TaskList.of(SCORES))

    def classify(self, prompt: Prompt, *, constraints: Constraints | None = None) -> Classification:
        text = ChatRequest.of(prompt).messages[-1].content
        task = next((task for task in SCORES if task in text), UNKNOWN)
        return Classification(task, self.name, 0.0, self.probabilities)


def client(local: FakeBackend | None = None, cloud: FakeBackend | None = None) -> EdgeRouter:
    backends = {"local": local or FakeBackend("here"), "cloud": cloud or FakeBackend("there")}
    return EdgeRouter(Config(experts={"local": LOCAL, "cloud": CLOUD}), backends=backends)


@pytest.mark.parametrize(
    ("query", "task", "text"),
    [("maths?", "maths", "there"), ("law?", "law", "here"), ("art?", UNKNOWN, "there")],
)
def test_the_best_expert_of_the_task_answers(query: str, task: str, text: str) -> None:
    """And the best on average where the task is unknown."""
    with client() as router:
        routed = TaskRouter(router, ByWord(), mapping)
        answer = routed.complete(query)
        streamed = routed.stream(query)
        decided = routed.decide(query)
        assert "".join(chunk.delta for chunk in streamed.stream) == text
    assert (answer.classification.task, answer.text) == (task, text)
    decision = answer.answer.record.decision
    assert (decision.reason, decision.preference) == (Reason.TASK_EXPERT, f"task {task}")
    assert decided.decision.expert == decision.expert
    assert decided.to_json()["classification"]["task"] == task


def test_the_gain_is_that_of_the_leaderboard() -> None:
    """Over the expert that would be asked next."""
    with client() as router:
        decision = TaskRouter(router, ByWord(), mapping).decide("maths?").decision
    assert decision.gain == pytest.approx(0.7)


def test_limits_hold_and_others_step_in() -> None:
    """The mapped expert may not be asked, or does not answer."""
    with client(cloud=FakeBackend(error=DOWN)) as router:
        routed = TaskRouter(router, ByWord(), mapping)
        assert routed.complete("maths?").text == "here"
        private = Constraints(placement="only_on_device")
        assert routed.decide("maths?", constraints=private).decision.expert == "local"


def test_by_expectation_the_probabilities_decide() -> None:
    """0.9 x 0.6 + 0.1 x 0.1 = 0.55 for the local expert, 0.53 for the cloud one; and the other way
    round at even odds. An edited task keeps its expert."""
    with client() as router:
        for odds, expert in ((0.9, "local"), (0.5, "cloud")):
            classifier = ByWord({"law": odds, "maths": 1 - odds})
            routed = TaskRouter(router, classifier, mapping, choice="expected")
            assert routed.decide("law?").decision.expert == expert
            edited = mapping().with_expert("law", "cloud")
            by_hand = TaskRouter(router, classifier, lambda: edited, choice="expected")  # noqa: B023
            assert by_hand.decide("law?").decision.expert == "cloud"
        assert TaskRouter(router, ByWord(), mapping, choice="expected").decide(
            "law?"
        ).decision.expert == ("local")


def test_an_edit_counts_from_the_next_query_on() -> None:
    """Nothing is restarted."""
    kept = [mapping()]
    with client() as router:
        routed = TaskRouter(router, ByWord(), lambda: kept[0])
        assert routed.complete("law?").text == "here"
        kept[0] = kept[0].with_expert("law", "cloud")
        assert routed.complete("law?").text == "there"


def test_a_classifier_that_does_not_answer_leaves_the_task_unknown(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """One warning; the query itself is answered. A wrong key is an error."""
    failing = FakeBackend(error=BackendUnavailable("gone"))
    with client(local=failing) as router:
        classifier = LLMTaskClassifier(asking_client(router, "local"), lambda: TaskList.of(SCORES))
        with caplog.at_level(logging.WARNING, "edge_router"):
            answer = TaskRouter(router, classifier, mapping).complete("maths?")
        assert (answer.classification.task, answer.text) == (UNKNOWN, "there")
        assert "the task of a query is not known" in caplog.text
    with client(local=FakeBackend(error=BackendRejected("wrong key"))) as router:
        classifier = LLMTaskClassifier(asking_client(router, "local"), lambda: TaskList.of(SCORES))
        with pytest.raises(BackendRejected):
            TaskRouter(router, classifier, mapping).complete("maths?")


def test_a_mapping_of_strangers_is_refused() -> None:
    """With how to call them as the settings do."""
    strangers = mapping().renamed({"local": "phi", "cloud": "gemini"})
    with client() as router, pytest.raises(ConfigError, match="tasks map --rename"):
        TaskRouter(router, ByWord(), lambda: strangers)
