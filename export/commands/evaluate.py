"""edge-router export evaluate: artifacts and research routers on outcome tables."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_router.cli.table import parser_of
from edge_router.errors import MissingExtra
from edge_router.guards.data_folder import require_writable

from ..collecting.engine import add_engine, runs_on_ray
from ..data.rows import BadData
from ..data.splits import SPLITTINGS
from ..studies.options import add_shared

if TYPE_CHECKING:
    from edge_router.learning.outcomes.rows import Row

    from ..evaluation.setup import Comparison
    from ..recipe import Recipe
    from ..routers.base import FineTuning

__all__ = ["add"]


def add(commands: Any) -> None:
    """Register the command."""
    evaluate = parser_of(commands, "evaluate", _evaluate)
    evaluate.add_argument(
        "contenders",
        nargs="+",
        help='shipped artifacts or directories, research routers by name, or "research" for all',
    )
    _add_tables(evaluate)
    _add_tasks(evaluate.add_argument_group("what is compared"))
    _add_training(evaluate.add_argument_group("how research routers are trained"))
    add_shared(evaluate, "--seed", "--repeats", "--work")
    evaluate.add_argument(
        "--out",
        type=Path,
        help="folder for evaluation.json, .md and .html, instead of printing the report",
    )
    add_engine(evaluate)
    add_shared(evaluate, "--json")


def _add_tables(evaluate: argparse.ArgumentParser) -> None:
    """Register the options that name the outcome rows."""
    rows = evaluate.add_mutually_exclusive_group(required=True)
    rows.add_argument("--data", type=Path, help="folder with outcomes/")
    rows.add_argument("--outcomes", type=Path, nargs="+", help="files of outcome rows")
    evaluate.add_argument("--tables", default="open", help="folder in outcomes/ of --data")
    evaluate.add_argument(
        "--table", nargs="+", default=(), help="only these tables (default: all of the recipe)"
    )
    evaluate.add_argument("--rows", type=int, help="at most so many of each table, by their hash")


def _add_tasks(evaluate: Any) -> None:
    """Register the options that say which experts of a table a router chooses between."""
    evaluate.add_argument("--recipe", type=Path, help="a recipe's pairs (default: the shipped one)")
    evaluate.add_argument(
        "--pair",
        nargs=3,
        action="append",
        metavar=("TABLE", "WEAK", "STRONG"),
        help="this pair of a table's experts in place of the recipe's (may be repeated)",
    )
    evaluate.add_argument(
        "--pools",
        nargs="*",
        type=int,
        metavar="SIZE",
        help="RouterEval's pools and scaling curves in place of the recipe's pairs "
        "(default sizes: 3 5 10 100 1000)",
    )
    evaluate.add_argument(
        "--reference",
        nargs=2,
        action="append",
        default=[],
        metavar=("TABLE", "EXPERT"),
        help="what V_R compares with (default: the table's best by its train rows)",
    )
    evaluate.add_argument("--config", help="settings whose [experts.NAME] state prices")


def _add_training(evaluate: Any) -> None:
    """Register what research routers learn, on which rows, and how encoders are fine-tuned."""
    evaluate.add_argument(
        "--teach",
        choices=("score", "similarity"),
        default="score",
        help="what routers learn: the score, or BERTSim (TO-Router)",
    )
    evaluate.add_argument(
        "--split",
        choices=SPLITTINGS,
        default="rows",
        help="the rows' own, RouterEval's 8:1:1, or TO-Router's 80/20 of each kind of task",
    )
    evaluate.add_argument(
        "--epochs", type=int, default=5, help="of fine-tuning: BERT, SFT and a whole MLC"
    )
    evaluate.add_argument(
        "--train-rows", type=int, help="at most so many for fine-tuning (default: all)"
    )
    evaluate.add_argument(
        "--encoder",
        type=Path,
        help="folder of a BERT or RoBERTa: BERT and SFT fine-tune it, MLC too, and C-RoBERTa "
        "clusters its embeddings",
    )


def _evaluate(options: argparse.Namespace) -> None:
    from ..collecting.open_experts import configured_prices
    from ..collecting.ray_map import ray_map
    from ..evaluation.run import PAGE, write_report
    from ..evaluation.setup import compare
    from ..recipe import SHIPPED, Recipe
    from ..report.markdown import markdown

    if options.out and find_spec("matplotlib") is None:
        raise MissingExtra("matplotlib, which draws the report of --out,", "export")
    if options.out:
        require_writable(options.out / "evaluation.json")
    if runs_on_ray(options):
        engine: AbstractContextManager[Any] = ray_map(options.address)
    else:
        engine = nullcontext(map)
    recipe = Recipe.load(options.recipe or SHIPPED)
    rows = _rows(options, recipe)
    comparison = _comparison(options)
    prices = configured_prices(options.config) if options.config else None
    with engine as each:
        evaluation = compare(comparison, recipe, rows, work=options.work, prices=prices, each=each)
    if options.out:
        write_report(evaluation, options.out)
    if options.json:
        print(json.dumps(evaluation))
    else:
        print(f"wrote {options.out / PAGE}" if options.out else markdown(evaluation))


def _rows(options: argparse.Namespace, recipe: Recipe) -> Mapping[str, list[Row]]:
    """The outcome rows by table."""
    from ..data.outcome_set import load_tables, read_tables

    if options.outcomes:
        return read_tables(options.outcomes)
    own = recipe.own_outcomes if options.tables == "open" else ()
    return load_tables(options.data, own, folder=options.tables)


def _comparison(options: argparse.Namespace) -> Comparison:
    from ..evaluation.setup import Comparison

    return Comparison(
        contenders=options.contenders,
        pairs=[tuple(pair) for pair in options.pair or ()],
        pool_sizes=_sizes(options.pools),
        tables=options.table,
        references=dict(options.reference),
        rows=options.rows,
        teach=options.teach,
        splitting=options.split,
        tuning=_tuning(options),
        seed=options.seed,
        repeats=options.repeats,
    )


def _sizes(stated: list[int] | None) -> Sequence[int]:
    """Pool sizes: RouterEval's where --pools names none, nothing without --pools."""
    from ..evaluation.tasks.pools import POOL_SIZES

    if odd := [size for size in stated or () if size < 2]:
        raise BadData(f"a pool of {odd[0]} experts leaves nothing to choose; use 2 or more")
    return () if stated is None else stated or POOL_SIZES


def _tuning(options: argparse.Namespace) -> FineTuning:
    from ..routers.base import FineTuning

    for name in ("epochs", "train_rows", "rows"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise BadData(f"--{name.replace('_', '-')} is {value}; it must be 1 or more")
    return FineTuning(options.epochs, options.train_rows, options.encoder)
