"""edge-router export ...: the toolchain's commands."""

from __future__ import annotations

import argparse
import gzip
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from .rows import BadData

__all__ = ["main"]


def main(argv: Sequence[str]) -> int:
    """Run one export command; returns the exit code: 1 for data that cannot be used."""
    options = _parser().parse_args(argv)
    try:
        options.run(options)
    except (BadData, OSError) as error:
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

    collect = commands.add_parser("collect", help="run the local model over questions with gold")
    collect.set_defaults(run=_collect)
    collect.add_argument("model", help="a GGUF file or smollm2-135m")
    collect.add_argument("name", help="the expert's name in the rows")
    collect.add_argument("out", type=Path, help="JSON lines; .gz once everything is asked")
    collect.add_argument(
        "--data", type=Path, required=True, help="folder with outcomes/ and queries/"
    )

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
    from edge_router.backends.llama_cpp import LlamaCppBackend

    from .collect import collect
    from .questions import gold_questions

    lines = options.out.with_suffix("") if options.out.suffix == ".gz" else options.out
    backend = LlamaCppBackend(options.model)
    try:
        collect(gold_questions(options.data), backend, options.name, lines)
    finally:
        backend.close()
    if options.out.suffix == ".gz":
        options.out.write_bytes(gzip.compress(lines.read_bytes(), mtime=0))
        lines.unlink()


def _evaluate(options: argparse.Namespace) -> None:
    from edge_router.artifact import RouterArtifact

    from .data import load_outcomes
    from .evaluate import evaluate_artifact, leaderboard
    from .recipe import Recipe

    recipe = Recipe.load(options.recipe)
    outcomes = load_outcomes(options.data, recipe.own_outcomes, recipe.max_chars)
    results = evaluate_artifact(RouterArtifact.load(options.artifact), recipe.pairs, outcomes)
    print(json.dumps(results) if options.json else leaderboard(results))
