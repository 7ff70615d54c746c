"""Two-stage routing on MMLU-Pro's 14 subjects, by expert sets of four and by all 29 models.

The leaderboard, the heads and the labelled questions are of the train split, the figures of those
questions of the test split that all models answered. Beside it stand each expert alone, the shipped
router's direct choice (the expert of the highest expected quality, whatever it costs), the true
subject, and the oracle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from edge_router.routing.arrays import Float64s
from edge_router.routing.artifact.text import router_input
from edge_router.routing.experts.expert import find_head
from edge_router.routing.router import Router
from edge_router.tasks.classification import Classification, TaskClassifier
from edge_router.tasks.enrolled import HeadClassifier, KindClassifier, NeighbourClassifier
from edge_router.tasks.labelled import LabelledQuestion, read_labelled
from edge_router.tasks.leaderboard import Leaderboard
from edge_router.tasks.mapping import TaskExpertMapping
from edge_router.tasks.task_set import TaskSet

from ...data.rows import require_there
from ...graphs.represent import Representations
from ...metrics.agreement import means
from ...metrics.apgr import Counts, Interval, draw_counts, with_interval
from .questions import embedder

__all__ = ["EXPERT_SETS", "RoutedSet", "RoutingStudy", "route_mmlu_pro"]

TABLE = "mmlu_pro_29models"
EXPERT_SETS: Mapping[str, tuple[str, ...]] = {
    "1: 4B to 8B": (
        "Phi-3-mini-4k-instruct", "mathstral-7B", "Meta-Llama-3_1-8B-Instruct", "gemma-7b",
    ),
    "2: 6B to 13B, older": (
        "Llama-2-13b-hf", "Mistral-7B-Instruct-v0.2", "Qwen1.5-7B-Chat", "Yi-6b-Chat",
    ),
    "3: 34B to 47B and a coder": (
        "Mixtral-8x7B-Instruct-v0.1", "Yi-34B", "c4ai-command-r-v01", "DeepSeek-Coder-V2",
    ),
    "4: 70B and more": (
        "Meta-Llama-3_1-70B-Instruct", "Qwen1.5-110B", "jamba-1.5-large", "gemini-1.5-flash-002",
    ),
}  # fmt: skip
ALL = "5: all 29"


@dataclass(frozen=True, slots=True)
class RoutedSet:
    """Mean scores on the test split with 95 % intervals, by contender; `above` is each one's
    difference to `best_single` (chosen on train), resampled in pairs; `by_task` are mean scores by
    contender and subject. `level` are the subjects whose best expert cannot be told apart from
    another one on train."""

    name: str
    experts: tuple[str, ...]
    best_single: str
    level: int
    scores: Mapping[str, Interval]
    above: Mapping[str, Interval]
    by_task: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class RoutingStudy:
    """`accuracy` of the classifiers on the subjects, by name; `questions` by split."""

    questions: Mapping[str, int]
    accuracy: Mapping[str, Interval]
    sets: tuple[RoutedSet, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Test:
    """The test split: `scores` (questions, models), `direct` (questions, models) what the router
    expects of each, `named` the classifications by classifier."""

    questions: Sequence[LabelledQuestion]
    models: tuple[str, ...]
    scores: Float64s
    direct: Float64s
    named: Mapping[str, Sequence[Classification]]


def route_mmlu_pro(
    data: Path, router: Router, work: Path, *, repeats: int, seed: int
) -> RoutingStudy:
    """Raises NoSuchFile."""
    path = data / "outcomes" / "open" / f"{TABLE}.jsonl.gz"
    require_there(path)
    questions = read_labelled(path)
    board = Leaderboard.read(path, split="train")
    models = board.experts
    train = [one for one in questions if one.split == "train"]
    asked = [one for one in questions if one.split == "test" and one.scores.keys() >= {*models}]
    embed = embedder(router, questions, work)
    kept = TaskSet(work / f"mmlu-pro-{router.artifact.hash[:16]}", "study", router.artifact)
    kept.enrol(train, embed)
    classifiers: dict[str, TaskClassifier] = {
        "head": HeadClassifier(kept.head, embed),
        "neighbours": NeighbourClassifier(kept.index, kept.tasks, embed),
        "kinds": KindClassifier(router.represent, router.artifact.manifest.task_kinds, kept.tasks),
    }
    test = _Test(
        asked,
        models,
        np.array([[one.scores[name] for name in models] for one in asked]),
        _expected(router, asked, models, work),
        {name: [one.classify(q.request) for q in asked] for name, one in classifiers.items()},
    )
    counts = draw_counts(len(asked), repeats=repeats, seed=seed)
    right = {
        name: np.array([float(c.task == q.task) for c, q in zip(named, asked, strict=True)])
        for name, named in test.named.items()
    }
    sets = [*EXPERT_SETS.items(), (ALL, models)]
    return RoutingStudy(
        {"train": len(train), "test": len(asked)},
        {name: with_interval(partial(means, values), counts) for name, values in right.items()},
        tuple(_routed(name, experts, board, test, counts) for name, experts in sets),
    )


def _expected(
    router: Router, questions: Sequence[LabelledQuestion], models: Sequence[str], work: Path
) -> Float64s:
    """What the shipped router's head of each model expects (questions, models)."""
    artifact = router.artifact
    read = [router_input(one.request, artifact.manifest.max_chars) for one in questions]
    vectors = Representations.of_artifact(artifact, work).of(read)
    temperature = artifact.calibration["temperature"]
    heads = [find_head(artifact.experts, name, temperature) for name in models]
    return np.stack([head.qualities(vectors) for head in heads], axis=1).astype(np.float64)


def _routed(
    name: str, experts: tuple[str, ...], board: Leaderboard, test: _Test, counts: Counts
) -> RoutedSet:
    columns = [board.experts.index(expert) for expert in experts]
    mapping = TaskExpertMapping.of(Leaderboard(experts, board.tasks, board.scores[:, columns]))
    mine = [test.models.index(expert) for expert in experts]
    scores = test.scores[:, mine]
    values = _contenders(mapping, experts, scores, test.direct[:, mine], test)
    best = mapping.unknown.expert
    alone = scores[:, experts.index(best)]
    true = np.array([one.task for one in test.questions])
    return RoutedSet(
        name,
        experts,
        best,
        sum(bool(one.level_with) for one in mapping.by_task.values()),
        {who: with_interval(partial(means, one), counts) for who, one in values.items()},
        {
            who: with_interval(partial(means, one - alone), counts)
            for who, one in values.items()
            if who not in experts
        },
        {
            who: {task: float(one[true == task].mean()) for task in mapping.tasks}
            for who, one in values.items()
        },
    )


def _contenders(
    mapping: TaskExpertMapping,
    experts: tuple[str, ...],
    scores: Float64s,
    direct: Float64s,
    test: _Test,
) -> dict[str, Float64s]:
    """Scores (questions,) of every contender."""
    rows = np.arange(len(scores))

    def by_task(tasks: Sequence[str]) -> Float64s:
        places = [experts.index(mapping.of_task(task).expert) for task in tasks]
        values: Float64s = scores[rows, places]
        return values

    values = {name: scores[:, place] for place, name in enumerate(experts)}
    values["random"] = scores.mean(axis=1)
    for name, named in test.named.items():
        values[f"two stages, {name}"] = by_task([one.task for one in named])
    expected = [_largest(mapping.expected(one.probabilities)) for one in test.named["head"]]
    values["two stages, head, expected"] = scores[rows, [experts.index(e) for e in expected]]
    values["two stages, true task"] = by_task([one.task for one in test.questions])
    values["router-small, direct"] = scores[rows, direct.argmax(axis=1)]
    values["oracle"] = scores.max(axis=1)
    return values


def _largest(expected: Mapping[str, float]) -> str:
    return max(expected, key=expected.__getitem__)
