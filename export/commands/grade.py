"""edge-router export grade: scores, BERTSim and NLL of answers that were collected, once more."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_router.cli.table import parser_of
from edge_router.errors import ConfigError

from ..collecting.engine import add_engine, runs_on_ray
from ..studies.options import add_shared

if TYPE_CHECKING:
    from edge_router.learning.outcomes.rows import Row

    from ..collecting.grading.grade import Each, Graded
    from ..collecting.row_store import Name

__all__ = ["add"]

MEASURES = ("score", "similarity", "nll")


def add(commands: Any) -> None:
    """Register the command."""
    grade = parser_of(commands, "grade", _grade)
    grade.add_argument(
        "answers", type=Path, help="outcome rows, or rows of query, gold, metric and answer"
    )
    grade.add_argument(
        "--out", type=Path, required=True, help="graded rows, .jsonl or .jsonl.gz; may be ANSWERS"
    )
    grade.add_argument(
        "--measure",
        nargs="+",
        choices=MEASURES,
        default=["score", "similarity"],
        help="rule or code tests, BERTSim, likelihood of the reference (default: the first two)",
    )
    asked = grade.add_mutually_exclusive_group()
    asked.add_argument("--questions", type=Path, help="what was asked, where rows keep no gold")
    asked.add_argument("--data", type=Path, help="the same from the folder with queries/")
    grade.add_argument("--missing", action="store_true", help="only what was never measured")
    grade.add_argument("--config", help="settings with the local [experts.NAME] for nll")
    grade.add_argument("--expert", action="append", help="nll of only this one (may be repeated)")
    grade.add_argument("--parallel", type=int, default=1, help="models at once for nll")
    add_engine(grade)
    add_shared(grade, "--json")


def _grade(options: argparse.Namespace) -> None:
    from edge_router.settings.config import Config

    from ..collecting.grading.grade import Grading, grade_answers
    from ..collecting.grading.likelihoods import measure_likelihoods
    from ..collecting.open_experts import scoring_experts
    from ..data.rows import BadData

    scores = "nll" in options.measure
    if (options.config or options.expert) and not scores:
        raise ConfigError("--config and --expert are for --measure nll; state both")
    configured = Config.load(options.config).experts if scores else {}
    questions = _questions(options)
    with _engine(options) as (each, ray):
        likelihoods = {}
        if scores:
            experts = scoring_experts(
                configured, options.expert, parallel=options.parallel, ray=ray
            )
            with experts as asked:
                likelihoods = measure_likelihoods(
                    options.answers, options.out, questions, asked, missing=options.missing
                )
        measures = [measure for measure in options.measure if measure != "nll"]
        grading = Grading(
            measures, missing=options.missing, questions=questions, likelihoods=likelihoods
        )
        graded = grade_answers(options.answers, options.out, grading, each=each)
    if graded.without_gold == graded.answers:
        raise BadData(
            f"no row of {options.answers} has an answer, a gold answer and a metric; state what "
            "was asked with --questions or --data"
        )
    print(json.dumps(graded.to_json()) if options.json else _words(graded, options.out))


def _questions(options: argparse.Namespace) -> Mapping[Name, Row]:
    from ..collecting.row_store import row_name
    from ..data.questions import gold_questions, read_questions

    if options.questions:
        return {row_name(row): row for row in read_questions(options.questions)}
    return {row_name(row): row for row in gold_questions(options.data)} if options.data else {}


@contextmanager
def _engine(options: argparse.Namespace) -> Iterator[tuple[Each, Any]]:
    """What maps pieces of work, and the module `ray` where that is a cluster."""
    if not runs_on_ray(options):
        yield map, None
        return
    from ..collecting.ray_map import ray_map

    with ray_map(options.address) as each:
        yield each, each.ray


def _words(graded: Graded, out: Path) -> str:
    facts = [f"{out}: {graded.measured:,} numbers of {graded.rows:,} rows"]
    if graded.changed:
        facts.append(f"{graded.changed:,} scores are others than before")
    if graded.without_gold:
        facts.append(f"{graded.without_gold:,} answers are as they were: gold or metric not known")
    if graded.cut:
        facts.append(f"{graded.cut:,} answers are kept only in part: their former numbers stand")
    return "\n".join(facts)
