"""edge-router export evaluate: artifacts and research routers on outcome tables."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from edge_router.cli.table import parser_of

__all__ = ["add"]


def add(commands: Any) -> None:
    """Register the command."""
    evaluate = parser_of(commands, "evaluate", _evaluate)
    evaluate.add_argument(
        "contenders",
        nargs="+",
        help='shipped artifacts or directories, research routers by name, or "research" for all',
    )
    evaluate.add_argument("--recipe", type=Path, help="a recipe's pairs (default: the shipped one)")
    rows = evaluate.add_mutually_exclusive_group(required=True)
    rows.add_argument("--data", type=Path, help="folder with outcomes/")
    rows.add_argument("--outcomes", type=Path, nargs="+", help="files of outcome rows")
    evaluate.add_argument("--tables", default="open", help="folder in outcomes/ (default open)")
    evaluate.add_argument("--pair", nargs=3, action="append", metavar=("TABLE", "WEAK", "STRONG"))
    evaluate.add_argument("--pools", action="store_true", help="RouterEval's pools and scaling too")
    evaluate.add_argument("--config", help="settings whose [experts.NAME] state prices")
    evaluate.add_argument("--seed", type=int, default=0)
    evaluate.add_argument("--repeats", type=int, default=1000, help="bootstrap resamples")
    evaluate.add_argument("--work", type=Path, default=Path("work"), help="folder for predictions")
    evaluate.add_argument("--out", type=Path, help="folder for evaluation.json, .md and .html")
    evaluate.add_argument("--json", action="store_true")


def _evaluate(options: argparse.Namespace) -> None:
    from ..collecting.open_experts import configured_prices
    from ..data.outcome_set import load_tables, read_tables
    from ..evaluation import write_report
    from ..evaluation.setup import Comparison, compare
    from ..recipe import SHIPPED, Recipe
    from ..report.markdown import markdown

    recipe = Recipe.load(options.recipe or SHIPPED)
    if options.outcomes:
        rows = read_tables(options.outcomes)
    else:
        own = recipe.own_outcomes if options.tables == "open" else ()
        rows = load_tables(options.data, own, folder=options.tables)
    comparison = Comparison(
        contenders=options.contenders,
        pairs=[tuple(pair) for pair in options.pair or ()],
        pools=options.pools,
        seed=options.seed,
        repeats=options.repeats,
    )
    prices = configured_prices(options.config) if options.config else None
    evaluation = compare(comparison, recipe, rows, work=options.work, prices=prices)
    if options.out:
        write_report(evaluation, options.out)
    print(json.dumps(evaluation) if options.json else markdown(evaluation))
