"""Runs an evaluation: every contender on every task."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

import edge_router

from ..data.rows import BadData
from ..report.html import page
from ..report.markdown import markdown
from .baselines import BASELINES
from .contenders import Contender, Predictions, Side, at_hand, keep, predictions
from .leaderboard import behind, behind_first, first_of, kind_of_table, leaderboard
from .pool_groups import pool_groups
from .results import Standing, interval_json, judge, main_measure
from .tasks.draws import Draws
from .tasks.pools import Scaling
from .tasks.task import Task
from .to_router import to_router_table

__all__ = ["PAGE", "Each", "Evaluation", "evaluate", "write_report"]

PAGE = "evaluation.html"

Evaluation = dict[str, Any]
Each = Callable[[Callable[[Any], Any], Sequence[Any]], Iterable[Any]]

SCHEMA_VERSION = 1


def evaluate(
    contenders: Sequence[Contender],
    tasks: Sequence[Task],
    *,
    work: Path,
    seed: int = 0,
    repeats: int = 1000,
    scaling: Sequence[Scaling] = (),
    each: Each = map,
) -> Evaluation:
    """Every contender and every baseline on every task: what `evaluation.json` holds.

    The first contender is the subject: each task's result says how far every other lies behind it.
    Predictions are kept in `work`, so that a killed evaluation goes on where it was. `each` is
    `map`, or a `RayMap`: predictions and the measures of tasks are independent pieces. Raises
    BadData for names that are taken twice, for a contender's bad utilities and for an expert
    without a price beside others that have one.
    """
    entrants = [*contenders, *BASELINES]
    subject = entrants[0].name
    _refuse_twins("contenders", [contender.name for contender in entrants])
    _refuse_twins("tasks", [task.name for task in tasks])
    decided = _decide_all(entrants, tasks, work, seed, each)
    measure = partial(_measured, entrants, repeats=repeats, seed=seed)
    measured = each(measure, [(task, decided[task.name]) for task in tasks])
    progress = tqdm(measured, "measure", len(tasks), unit="task")
    standings = {task.name: standing for task, standing in zip(tasks, progress, strict=True)}
    task_results = [
        _task_json(task, entrants, decided[task.name], standings[task.name], subject)
        for task in tasks
    ]
    return {
        "schema_version": SCHEMA_VERSION,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {"edge_router": edge_router.__version__, "numpy": np.__version__},
        "seed": seed,
        "repeats": repeats,
        "subject": subject,
        "contenders": [_contender_json(contender) for contender in entrants],
        "leaderboard": leaderboard(
            entrants, _of_kind(tasks, standings, pairs=True), subject=subject
        ),
        "apart": {
            kind: leaderboard(entrants, _of_table_kind(tasks, standings, kind), subject=subject)
            for kind in ("everyday", "exam")
        },
        "pool_leaderboard": leaderboard(
            entrants, _of_kind(tasks, standings, pairs=False), subject=subject
        ),
        "pool_groups": pool_groups(task_results),
        "tasks": task_results,
        "scaling": [_scaling_json(one) for one in scaling],
    }


def write_report(evaluation: Evaluation, folder: Path) -> None:
    """Write `evaluation.json`, `evaluation.md` and `evaluation.html` into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(evaluation, ensure_ascii=False, allow_nan=False, indent=1)
    (folder / "evaluation.json").write_text(text + "\n", encoding="utf-8")
    (folder / "evaluation.md").write_text(markdown(evaluation), encoding="utf-8")
    (folder / PAGE).write_text(page(evaluation), encoding="utf-8")


def _refuse_twins(what: str, names: Sequence[str]) -> None:
    if twins := [name for name, count in Counter(names).items() if count > 1]:
        raise BadData(f"{what} share the name {twins[0]!r}; give each its own")


def _decide_all(
    entrants: Sequence[Contender], tasks: Sequence[Task], work: Path, seed: int, each: Each
) -> dict[str, dict[str, Predictions]]:
    """Predictions by task and contender; those at hand are read here, the others come from `each`,
    whose nodes may have another disk."""
    places = [
        (task, entrant)
        for task in range(len(tasks))
        for entrant in range(len(entrants))
        if not at_hand(entrants[entrant], tasks[task], work=work, seed=seed)
    ]
    decide = partial(_decided, entrants, tasks, work, seed)
    with tqdm(total=len(places), desc="decide", unit="router") as progress:
        for (task, entrant), made in zip(places, each(decide, places), strict=True):
            progress.set_postfix_str(f"{entrants[entrant].name} on {tasks[task].name}")
            keep(made, entrants[entrant], tasks[task], work=work, seed=seed)
            progress.update()
    return {
        task.name: {
            entrant.name: _decided(entrants, tasks, work, seed, (row, column))
            for column, entrant in enumerate(entrants)
        }
        for row, task in enumerate(tasks)
    }


def _decided(
    entrants: Sequence[Contender],
    tasks: Sequence[Task],
    work: Path,
    seed: int,
    place: tuple[int, int],
) -> Predictions:
    """Of one task and one contender, by their numbers."""
    task, contender = tasks[place[0]], entrants[place[1]]
    with _located(f"contender {contender.name!r}, task {task.name!r}"):
        return predictions(contender, task, work=work, seed=seed)


def _measured(
    entrants: Sequence[Contender],
    piece: tuple[Task, Mapping[str, Predictions]],
    *,
    repeats: int,
    seed: int,
) -> dict[str, Standing]:
    """How every contender does on one task, over its bootstrap resamples."""
    task, decided = piece
    draws = Draws.of(task, repeats=repeats, seed=seed)
    return {
        contender.name: judge(contender, task, decided[contender.name], draws)
        for contender in tqdm(entrants, desc=task.name, leave=False)
    }


@contextmanager
def _located(where: str) -> Iterator[None]:
    """Say with any error where it happened: hours may lie before it."""
    try:
        yield
    except Exception as error:
        error.add_note(where)
        raise


def _of_kind(
    tasks: Sequence[Task], standings: Mapping[str, Mapping[str, Standing]], *, pairs: bool
) -> dict[str, Mapping[str, Standing]]:
    return {task.name: standings[task.name] for task in tasks if (task.kind == "pair") is pairs}


def _of_table_kind(
    tasks: Sequence[Task], standings: Mapping[str, Mapping[str, Standing]], kind: str
) -> dict[str, Mapping[str, Standing]]:
    """Pairs on everyday tables, or on the others."""
    mine = [task for task in tasks if kind_of_table(task.table) == kind]
    return _of_kind(mine, standings, pairs=True)


def _task_json(
    task: Task,
    entrants: Sequence[Contender],
    decided: Mapping[str, Predictions],
    standings: Mapping[str, Standing],
    subject: str,
) -> dict[str, Any]:
    first = first_of(entrants, standings)
    results = {
        name: standing.result
        | (behind_first(standing, standings[first]) if first else {})
        | {"behind_subject": interval_json(behind(standing, standings[subject]))}
        for name, standing in standings.items()
    }
    bounds = {contender.name for contender in entrants if contender.side is Side.BOUND}
    return {
        "name": task.name,
        "table": task.table,
        "kind": task.kind,
        "measure": main_measure(task),
        "experts": list(task.experts),
        "expert_scores": task.test.scores.mean(axis=0).round(6).tolist(),
        "reference": task.reference,
        "rows": {"train": len(task.train), "dev": len(task.dev), "test": len(task.test)},
        "first": first,
        "results": results,
        "to_router": to_router_table(task, decided, bounds=bounds),
    }


def _contender_json(contender: Contender) -> dict[str, Any]:
    return {
        "name": contender.name,
        "side": contender.side,
        "source": contender.source,
        "key": contender.key,
    }


def _scaling_json(scaling: Scaling) -> dict[str, Any]:
    return {
        name: value.round(6).tolist() if isinstance(value, np.ndarray) else value
        for name, value in asdict(scaling).items()
    }
