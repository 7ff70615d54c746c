"""edge-router export ...: the toolchain's commands."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from edge_router.errors import EdgeRouterError

from .rows import BadData

__all__ = ["main"]


def main(argv: Sequence[str]) -> int:
    """Run one export command; returns the exit code: 1 for data that cannot be used."""
    options = _parser().parse_args(argv)
    try:
        options.run(options)
    except (BadData, EdgeRouterError, OSError) as error:
        print(f"edge-router export: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="edge-router export", description="Make a router from outcome data."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="from outcome tables to a verified artifact")
    run.set_defaults(run=_run)
    run.add_argument("recipe", type=Path)
    run.add_argument("--data", type=Path, required=True, help="folder with outcomes/ and queries/")
    run.add_argument("--work", type=Path, default=Path("work"), help="folder for what lies between")
    run.add_argument("--out", type=Path, help="the artifact's folder (default: WORK/NAME)")

    collect = commands.add_parser("collect", help="run experts over questions with gold answers")
    collect.set_defaults(run=_collect)
    collect.add_argument("out", type=Path, help="outcome rows: JSON lines, or .jsonl.gz")
    collect.add_argument("--config", help="settings with the [experts.NAME] to run")
    collect.add_argument("--expert", action="append", help="only this one (may be repeated)")
    asked = collect.add_mutually_exclusive_group(required=True)
    asked.add_argument("--questions", type=Path, help="JSON lines with query, gold and metric")
    asked.add_argument("--data", type=Path, help="folder with outcomes/ and queries/")
    collect.add_argument("--parallel", type=int, default=1, help="questions under way (default 1)")
    collect.add_argument("--costs", action="store_true", help="refuse an expert without a price")
    collect.add_argument("--retry-failed", action="store_true")

    evaluate = commands.add_parser("evaluate", help="APGR of an artifact on the recipe's pairs")
    evaluate.set_defaults(run=_evaluate)
    evaluate.add_argument("artifact", help="a shipped router's name or a directory")
    evaluate.add_argument("recipe", type=Path)
    evaluate.add_argument(
        "--data", type=Path, required=True, help="folder with outcomes/ and queries/"
    )
    evaluate.add_argument("--json", action="store_true")
    return parser


def _run(options: argparse.Namespace) -> None:
    from .recipe import Recipe, run

    recipe = Recipe.load(options.recipe)
    work = options.work / recipe.name
    artifact = run(recipe, data=options.data, work=work, target=options.out or work / "artifact")
    print(artifact.path)


def _collect(options: argparse.Namespace) -> None:
    from edge_router.config import Config

    from .asked import asked_experts
    from .collect import collect, reference_answer
    from .embedding import base_folder
    from .questions import gold_questions, read_questions
    from .rows import write_rows
    from .similarity import add_similarity

    given = options.questions
    questions = read_questions(given) if given else list(gold_questions(options.data))
    found = Config.load(options.config).experts
    with asked_experts(
        found, options.expert, parallel=options.parallel, costs=options.costs
    ) as experts:
        rows = collect(questions, experts, options.out, retry_failed=options.retry_failed)
    references = {row["qkey"]: reference_answer(row) for row in questions}
    add_similarity(rows, references, base_folder())
    write_rows(options.out, rows)


def _evaluate(options: argparse.Namespace) -> None:
    from edge_router.artifact import RouterArtifact

    from .data import load_outcomes
    from .evaluate import evaluate_artifact, leaderboard
    from .recipe import Recipe

    recipe = Recipe.load(options.recipe)
    outcomes = load_outcomes(options.data, recipe.own_outcomes, recipe.max_chars)
    results = evaluate_artifact(RouterArtifact.load(options.artifact), recipe.pairs, outcomes)
    print(json.dumps(results) if options.json else leaderboard(results))
