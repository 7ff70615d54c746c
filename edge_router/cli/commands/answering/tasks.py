"""edge-router tasks: name the task of a query, map tasks to experts, and route by both."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_router.errors import ConfigError
from edge_router.guards.redaction import without_secrets
from edge_router.guards.user_files import user_path

from ...options import add_command, config_of, count_of, request_of, words_of
from ...printing import print_dim, print_json, print_stream, record_json
from ...table import parser_of

if TYPE_CHECKING:
    from edge_router.routing.router import Router
    from edge_router.settings.config import Config
    from edge_router.tasks.classification import Classification, TaskClassifier
    from edge_router.tasks.evaluation.run import Evaluated
    from edge_router.tasks.labelled import LabelledQuestion
    from edge_router.tasks.mapping import TaskExpertMapping
    from edge_router.tasks.task_set import TaskSet

__all__ = ["add"]

MOST_QUESTIONS = 200_000
TEXT = "the query: words, or - for standard input"
LIST, SHOW = "list the task sets on this device", "a task set's tasks, experts and warnings"
DEFINE = "keep the tasks of a file: TOML, JSON, a name a line, or an outcome table (.jsonl)"
ENROLL = "learn tasks from labelled questions, without asking any expert"
MAP = "find the best expert of each task in an outcome table"
SET = "give a task to an expert, by hand"
CLASSIFY, ROUTE = "name the task of TEXT", "decide who answers TEXT; no answer is asked for"
ASK = "answer TEXT with the best expert of its task"
EVAL = "classify labelled questions and measure it; goes on where it was stopped"


def add(commands: Any) -> None:
    """Register the command with its actions."""
    tasks = parser_of(commands, "tasks", _nothing)
    actions = tasks.add_subparsers(required=True, metavar="ACTION")

    def action(name: str, run: Callable[[argparse.Namespace], None], words: str) -> Any:
        asks = name in ("classify", "route", "ask", "eval")
        parser = add_command(actions, name, run, words, settings=asks or ["artifact"])
        parser.add_argument("--set", metavar="NAME", dest="task_set", help="the task set to use")
        parser.add_argument(
            "--classifier", metavar="KIND", help="head, kinds, neighbours, llm or llm+examples"
        )
        return parser

    action("list", _list, LIST)
    action("show", _show, SHOW)
    action("define", _define, DEFINE).add_argument("file", metavar="FILE", help="to read")
    enroll = action("enroll", _enroll, ENROLL)
    enroll.add_argument("file", metavar="FILE", help='JSON lines with "query" and "task"')
    enroll.add_argument("--split", help="only the rows of this split")
    mapped = action("map", _map, MAP)
    mapped.add_argument("--outcomes", metavar="FILE", required=True, help="an outcome table")
    mapped.add_argument("--split", help="only the rows of this split")
    mapped.add_argument("--experts", metavar="A,B", help="only these of the table")
    mapped.add_argument(
        "--rename", metavar="TABLE=SETTINGS", action="append", help="what the settings call one"
    )
    by_hand = action("set", _set, SET)
    by_hand.add_argument("task", metavar="TASK", help="a task's name, or unknown")
    by_hand.add_argument("expert", metavar="EXPERT", help="as the settings call it")
    for name, run, words in (("classify", _classify, CLASSIFY), ("route", _route, ROUTE)):
        action(name, run, words).add_argument("text", nargs="*", help=TEXT)
    ask = action("ask", _ask, ASK)
    ask.add_argument("text", nargs="*", help=TEXT)
    ask.add_argument("--max-tokens", type=int, help="length limit of the answer")
    _add_eval(action("eval", _eval, EVAL))


def _add_eval(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help='JSON lines with "query" and "task"')
    parser.add_argument("--split", help="only the rows of this split")
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N questions")
    parser.add_argument("--journal", metavar="FILE", help="keep answers there, and go on from it")
    parser.add_argument("--plots", metavar="FOLDER", help="write confusion.svg and radar.svg")


def _nothing(_: argparse.Namespace) -> None:
    raise ConfigError("say what to do: edge-router tasks --help lists it")


def _config(options: argparse.Namespace) -> Config:
    """The settings, with the options of this command."""
    from dataclasses import asdict

    from edge_router.settings.task_config import task_config_of

    config = config_of(options)
    stated = {"set": options.task_set, "classifier": options.classifier}
    changes = {name: value for name, value in stated.items() if value is not None}
    if not changes:
        return config
    from dataclasses import replace

    return replace(config, tasks=task_config_of(asdict(config.tasks) | changes))


def _opened(options: argparse.Namespace) -> tuple[Config, Router, TaskSet]:
    from edge_router.routing.router import Router
    from edge_router.tasks.opening import open_task_set

    config = _config(options)
    router = Router.from_config(config)
    return config, router, open_task_set(config, router)


def _list(options: argparse.Namespace) -> None:
    from edge_router.tasks.task_set import task_set_names

    config = _config(options)
    names = task_set_names(config.data_folder)
    if options.json:
        print_json({"task_sets": names, "in_use": config.tasks.set})
        return
    for name in names:
        print(f"{name} (in use)" if name == config.tasks.set else name)
    if not names:
        print_dim("no task set yet: edge-router tasks map --outcomes FILE, or tasks enroll FILE")


def _show(options: argparse.Namespace) -> None:
    from edge_router.tasks.task_set import MAKES_MAPPING

    _, _, kept = _opened(options)
    tasks = kept.tasks()
    mapping = kept.mapping() if kept.has_mapping else None
    if options.json:
        stated = None if mapping is None else mapping.to_json()
        facts = {"set": kept.name, "folder": str(kept.folder), "questions": len(kept.index)}
        print_json(facts | {"tasks": tasks.to_json(), "mapping": stated, "head": kept.has_head})
        return
    print(f"{kept.name}: {len(tasks)} tasks, {len(kept.index)} labelled questions")
    if mapping is None:
        for task in tasks.tasks:
            print(f"  {task.line}")
        print_dim(f"no mapping yet: {MAKES_MAPPING}")
        return
    _print_mapping(mapping)
    if others := [name for name in tasks if name not in mapping.by_task]:
        print_dim(f"not in the mapping, so answered as unknown: {', '.join(others):.300}")


def _define(options: argparse.Namespace) -> None:
    from edge_router.tasks.labelled import tasks_of_table
    from edge_router.tasks.task_list import TaskList

    _, _, kept = _opened(options)
    path = user_path(options.file, what="FILE")
    is_table = ".jsonl" in path.suffixes
    tasks = tasks_of_table(path) if is_table else TaskList.read(path)
    kept.keep_tasks(tasks)
    if options.json:
        print_json({"set": kept.name, "tasks": tasks.to_json()})
    else:
        print(f"{kept.name}: {len(tasks)} tasks: {', '.join(tasks):.300}")


def _enroll(options: argparse.Namespace) -> None:
    from edge_router.tasks.labelled import read_labelled

    _, router, kept = _opened(options)
    questions = read_labelled(user_path(options.file, what="FILE"), split=options.split)
    head = kept.enrol(questions, router.embed, progress=_progress)
    if options.json:
        print_json({"set": kept.name, "questions": head.questions, "tasks": list(head.tasks)})
        return
    print(f"{kept.name}: {head.questions} labelled questions of {len(head.tasks)} tasks")
    print_dim(f"kept in {kept.folder}, with the questions' texts; a new router needs them again")


def _progress(done: int, every: int) -> None:
    print_dim(f"{done}/{every} questions")


def _map(options: argparse.Namespace) -> None:
    from edge_router.tasks.leaderboard import Leaderboard
    from edge_router.tasks.mapping import TaskExpertMapping

    _, _, kept = _opened(options)
    path = user_path(options.outcomes, what="--outcomes")
    named = [name.strip() for name in (options.experts or "").split(",") if name.strip()]
    board = Leaderboard.read(path, experts=named, split=options.split)
    source = str(path.absolute()) + (f", split {options.split}" if options.split else "")
    mapping = TaskExpertMapping.of(board, source=source).renamed(_renames(options.rename))
    where = kept.keep_mapping(mapping)
    if options.json:
        print_json({"set": kept.name, "path": str(where)} | mapping.to_json())
        return
    _print_mapping(mapping)
    print_dim(f"kept in {where}; change an expert there, or with edge-router tasks set TASK EXPERT")


def _renames(stated: list[str] | None) -> dict[str, str]:
    renames = {}
    for one in stated or []:
        table, found, settings = one.rpartition("=")
        if not (found and table and settings):
            raise ConfigError(f"--rename {one!r:.80} must be TABLE=SETTINGS, two experts' names")
        renames[table] = settings
    return renames


def _print_mapping(mapping: TaskExpertMapping) -> None:
    for line in mapping.lines:
        print(f"  {line}")
    for line in mapping.warnings:
        print_dim(f"warning: {line}")


def _set(options: argparse.Namespace) -> None:
    config, _, kept = _opened(options)
    mapping = kept.give(options.task, options.expert)
    if options.json:
        print_json({"set": kept.name, "task": options.task, "expert": options.expert})
    else:
        print(f"{options.task}: {mapping.of_task(options.task).words}")
    if options.expert not in config.experts:
        known = ", ".join(config.experts)
        print_dim(f"warning: the settings have no expert {options.expert!r:.80}, only {known:.300}")


@contextmanager
def _classifier(options: argparse.Namespace) -> Iterator[tuple[TaskClassifier, TaskSet]]:
    """The configured classifier; a client is opened where it asks an expert."""
    from edge_router.tasks.opening import (
        asks_an_expert,
        open_classifier,
        open_expert_classifier,
        open_task_set,
    )

    config = _config(options)
    if asks_an_expert(config):
        from edge_router.client.sync_client import EdgeRouter

        with EdgeRouter(config) as client:
            yield open_expert_classifier(client), open_task_set(config, client.router)
        return
    config, router, kept = _opened(options)
    yield open_classifier(config, router), kept


def _classify(options: argparse.Namespace) -> None:
    request = request_of(words_of(options.text), None)
    with _classifier(options) as (classifier, _):
        named = classifier.classify(request)
    if options.json:
        print_json(named.to_json())
        return
    print(named.task)
    print_dim(_named_line(named))


def _named_line(named: Classification) -> str:
    share = f" ({named.probabilities[named.task]:.0%})" if named.task in named.probabilities else ""
    return f"task {named.task}{share} by {named.classifier} · {named.seconds * 1e3:.1f} ms"


def _route(options: argparse.Namespace) -> None:
    from edge_router.client.sync_client import EdgeRouter
    from edge_router.tasks.task_router import TaskRouter

    request = request_of(words_of(options.text), None)
    with EdgeRouter(_config(options)) as client:
        decided = TaskRouter.from_client(client).decide(request)
    if options.json:
        print_json(decided.to_json())
        return
    named, decision = decided.classification, decided.decision
    print(decision.expert)
    print_dim(f"{_named_line(named)} · {decision.words}")


def _ask(options: argparse.Namespace) -> None:
    from edge_router.client.sync_client import EdgeRouter
    from edge_router.tasks.task_router import TaskRouter

    request = request_of(words_of(options.text), options.max_tokens)
    with EdgeRouter(_config(options)) as client:
        routed = TaskRouter.from_client(client)
        if options.json:
            whole = routed.complete(request)
            fields = {"text": whole.text, "classification": whole.classification.to_json()}
            print_json(fields | record_json(whole.answer.record))
            return
        streamed = routed.stream(request)
        print_stream(streamed.stream)
        print_dim(_named_line(streamed.classification))


def _eval(options: argparse.Namespace) -> None:
    from edge_router.tasks.evaluation.report import EvaluationReport
    from edge_router.tasks.labelled import read_labelled

    limit = options.limit
    if limit is not None:
        limit = count_of(limit, "--limit", most=MOST_QUESTIONS)
    questions = read_labelled(user_path(options.file, what="FILE"), split=options.split)
    with _classifier(options) as (classifier, kept):
        left = kept.not_enrolled(questions)
        if len(left) < len(questions):
            print_dim(f"left out: {len(questions) - len(left)} questions that were enrolled")
        evaluated = _evaluated(options, classifier, kept, left[:limit])
    mapping = kept.mapping() if kept.has_mapping else None
    report = EvaluationReport.of(classifier.name, evaluated, kept.tasks(), mapping)
    if options.plots:
        report.write_figures(user_path(options.plots, what="--plots"))
    if options.json:
        print_json(report.to_json())
    else:
        print("\n".join(report.lines()))


def _evaluated(
    options: argparse.Namespace,
    classifier: TaskClassifier,
    kept: TaskSet,
    questions: list[LabelledQuestion],
) -> list[Evaluated]:
    import tempfile

    from edge_router.learning.enrolment.journal import Journal
    from edge_router.tasks.evaluation.run import EvaluationRun
    from edge_router.tasks.opening import setting_of

    def show(done: int, failure: str | None) -> None:
        if failure is not None:
            print_dim(f"question {done} failed, run again: {without_secrets(failure)}")
        elif done % 100 == 0:
            print_dim(f"{done}/{len(questions)} questions")

    setting = setting_of(_config(options), kept)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.jsonl"
        if options.journal:
            path = user_path(options.journal, what="--journal")
        return EvaluationRun(classifier, Journal(path), setting).ask(questions, show)
