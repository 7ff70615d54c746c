"""Task classifiers on OpsEval's four tasks: ours, neighbours, a language model, the baselines."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from edge_router.learning.enrolment.journal import Journal
from edge_router.routing.artifact.text import HAN, script_of
from edge_router.routing.opening import open_backend
from edge_router.routing.router import Router
from edge_router.settings.config import Config
from edge_router.tasks.classification import Embed, TaskClassifier
from edge_router.tasks.enrolled import HeadClassifier, NeighbourClassifier
from edge_router.tasks.evaluation.confusion import Confusion
from edge_router.tasks.evaluation.run import Evaluated, EvaluationRun, confusion_of
from edge_router.tasks.labelled import LabelledQuestion
from edge_router.tasks.llm import LLMTaskClassifier, Retrieval, asking_backend
from edge_router.tasks.task_list import UNKNOWN, TaskList
from edge_router.tasks.task_set import TaskSet

from .injection import Injection, injected, injected_questions
from .questions import FEW, embedder, opseval

__all__ = ["ClassifierRow", "OpsEvalStudy", "classify_opseval"]

LLM = "SmolLM2-135M"
WITHOUT, WITH = "w/o retrieval", "with retrieval"
LLM_EXAMPLES = 4
LLM_DEADLINE_S = 300.0


@dataclass(frozen=True, slots=True, eq=False)
class ClassifierRow:
    """What a classifier named; `by_language` is its accuracy on English and Chinese questions."""

    name: str
    confusion: Confusion
    by_language: Mapping[str, float]
    milliseconds: float


@dataclass(frozen=True, slots=True)
class OpsEvalStudy:
    """`counts` are the questions by split."""

    counts: Mapping[str, int]
    tasks: tuple[str, ...]
    rows: tuple[ClassifierRow, ...]
    injections: tuple[Injection, ...]


def classify_opseval(
    data: Path, router: Router, work: Path, *, llm: int, fine_tune: bool, seed: int
) -> OpsEvalStudy:
    """On the test split; a language model on `llm` of its questions, drawn by the seed."""
    questions = opseval(data)
    embed = embedder(router, questions, work)
    of = {split: [one for one in questions if one.split == split] for split in
          (FEW, "train", "dev", "test")}  # fmt: skip
    folder = work / f"opseval-{router.artifact.hash[:16]}"
    few, full = (_enrolled(router, folder / name, of[name], embed) for name in (FEW, "train"))
    tasks = full.tasks()
    rows = [*_uninformed(of["train"], of["test"], tasks, seed)]
    classifiers: dict[str, TaskClassifier] = {}
    for kept, count in ((few, len(of[FEW])), (full, len(of["train"]))):
        classifiers[f"head, {count:,} questions"] = HeadClassifier(kept.head, embed)
        classifiers[f"neighbours, {count:,} questions"] = NeighbourClassifier(
            kept.index, kept.tasks, embed
        )
    if fine_tune:
        from .fine_tuned import FineTunedClassifier

        hostile = injected_questions(of["test"], tasks, seed=seed).values()
        asked = [*of["test"], *itertools.chain(*hostile)]
        classifiers["fine-tuned MiniLM (Bench-CoE)"] = FineTunedClassifier.fit(
            of["train"], tasks, asked, work=work, seed=seed
        )
    rows += [_row(name, one, of["test"], router) for name, one in classifiers.items()]
    injections = [
        one
        for name, classifier in classifiers.items()
        for one in injected(name, partial(_named_by, classifier), of["test"], tasks, seed=seed)
    ]
    if llm:
        drawn = np.random.default_rng(seed).permutation(len(of["test"]))[:llm]
        asked = [of["test"][at] for at in sorted(drawn.tolist())]
        retrieval = Retrieval(full.index, embed, LLM_EXAMPLES)
        for name, run in _language_models(full, retrieval, work, folder):
            rows.append(_row_of(name, run(asked), tasks))
            if name.endswith(WITH):
                name_all = partial(_named_in, run)
                injections += injected(name, name_all, asked, tasks, seed=seed)
        same = HeadClassifier(full.head, embed)
        rows.append(_row(f"head on the same {len(asked)}", same, asked, router))
    counts = {split: len(part) for split, part in of.items()}
    return OpsEvalStudy(counts, tasks.names, tuple(rows), tuple(injections))


def _enrolled(
    router: Router, folder: Path, questions: Sequence[LabelledQuestion], embed: Embed
) -> TaskSet:
    kept = TaskSet(folder, "study", router.artifact)
    kept.enrol(questions, embed)
    return kept


def _uninformed(
    train: Sequence[LabelledQuestion],
    test: Sequence[LabelledQuestion],
    tasks: TaskList,
    seed: int,
) -> list[ClassifierRow]:
    random = np.random.default_rng(seed)
    drawn = random.integers(len(tasks), size=len(test)).tolist()
    counts = [sum(one.task == task for one in train) for task in tasks]
    largest = tasks.names[int(np.argmax(counts))]
    named = {
        "random": [tasks.names[place] for place in drawn],
        "largest task": [largest] * len(test),
    }
    return [
        _row_of(name, [Evaluated(q, n, 0.0) for q, n in zip(test, guesses, strict=True)], tasks)
        for name, guesses in named.items()
    ]


def _row(
    name: str,
    classifier: TaskClassifier,
    questions: Sequence[LabelledQuestion],
    router: Router,
) -> ClassifierRow:
    """The milliseconds include one pass of the encoder, timed apart where it was kept."""
    evaluated = []
    for question in tqdm(questions, desc=name, leave=False):
        named = classifier.classify(question.request)
        evaluated.append(Evaluated(question, named.task, named.seconds))
    row = _row_of(name, evaluated, classifier.tasks)
    if isinstance(classifier, HeadClassifier | NeighbourClassifier):
        return replace(row, milliseconds=row.milliseconds + _encoder_ms(router, questions))
    return row


def _encoder_ms(router: Router, questions: Sequence[LabelledQuestion]) -> float:
    """Median time of one pass over some of the questions."""
    times = []
    for question in questions[:50]:
        started = time.perf_counter()
        router.embed(question.request)
        times.append(time.perf_counter() - started)
    return 1e3 * float(np.median(times))


def _row_of(name: str, evaluated: Sequence[Evaluated], tasks: TaskList) -> ClassifierRow:
    right = np.array([one.named == one.question.task for one in evaluated])
    chinese = np.array([script_of(one.question.text) == HAN for one in evaluated])
    by_language = {
        language: float(right[part].mean())
        for language, part in (("en", ~chinese), ("zh", chinese))
        if part.any()
    }
    seconds = float(np.median([one.seconds for one in evaluated]))
    return ClassifierRow(name, confusion_of(evaluated, tasks.names), by_language, 1e3 * seconds)


Run = Callable[[Sequence[LabelledQuestion]], list[Evaluated]]


def _language_models(
    kept: TaskSet, retrieval: Retrieval, work: Path, folder: Path
) -> Iterator[tuple[str, Run]]:
    """SmolLM2 without and with retrieved examples. Its answers are journalled: those that depend on
    no router in `work`, with examples in the router's `folder`."""
    backend = open_backend(Config().experts["local"])
    ask = asking_backend(backend, deadline_s=LLM_DEADLINE_S)
    try:
        for words, shown, journal in (
            (WITHOUT, None, work / "opseval-llm.jsonl"),
            (WITH, retrieval, folder / "llm.jsonl"),
        ):
            classifier = LLMTaskClassifier(ask, kept.tasks, retrieval=shown)
            yield f"{LLM} {words}", partial(_journalled, classifier, journal)
    finally:
        backend.close()


def _journalled(
    classifier: TaskClassifier, journal: Path, questions: Sequence[LabelledQuestion]
) -> list[Evaluated]:
    run = EvaluationRun(classifier, Journal(journal), LLM)
    with tqdm(total=len(questions), desc=classifier.name, leave=False) as progress:
        return run.ask(questions, lambda _done, _failure: progress.update() and None)


def _named_by(classifier: TaskClassifier, questions: Sequence[LabelledQuestion]) -> list[str]:
    return [classifier.classify(one.request).task for one in questions]


def _named_in(run: Run, questions: Sequence[LabelledQuestion]) -> list[str]:
    """UNKNOWN for a question that could not be classified."""
    named = {one.question.key: one.named for one in run(questions)}
    return [named.get(one.key, UNKNOWN) for one in questions]
