"""edge-router export evaluate: artifacts and research routers on outcome tables."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
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

if TYPE_CHECKING:
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
    evaluate.add_argument("--recipe", type=Path, help="a recipe's pairs (default: the shipped one)")
    rows = evaluate.add_mutually_exclusive_group(required=True)
    rows.add_argument("--data", type=Path, help="folder with outcomes/")
    rows.add_argument("--outcomes", type=Path, nargs="+", help="files of outcome rows")
    evaluate.add_argument("--tables", default="open", help="folder in outcomes/ (default open)")
    evaluate.add_argument("--pair", nargs=3, action="append", metavar=("TABLE", "WEAK", "STRONG"))
    evaluate.add_argument("--table", nargs="+", default=(), help="only these tables")
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
    evaluate.add_argument("--rows", type=int, help="at most so many of each table, by their hash")
    _add_fine_tuning(evaluate)
    evaluate.add_argument("--config", help="settings whose [experts.NAME] state prices")
    evaluate.add_argument("--seed", type=int, default=0)
    evaluate.add_argument("--repeats", type=int, default=1000, help="bootstrap resamples")
    evaluate.add_argument("--work", type=Path, default=Path("work"), help="folder for predictions")
    evaluate.add_argument("--out", type=Path, help="folder for evaluation.json, .md and .html")
    add_engine(evaluate)
    evaluate.add_argument("--json", action="store_true")


def _add_fine_tuning(evaluate: argparse.ArgumentParser) -> None:
    """Options of the routers that fine-tune an encoder."""
    evaluate.add_argument(
        "--epochs", type=int, default=5, help="of BERT, SFT and a whole MLC (default 5)"
    )
    evaluate.add_argument("--train-rows", type=int, help="at most so many for these (default: all)")
    evaluate.add_argument(
        "--encoder",
        type=Path,
        help="folder of a BERT or RoBERTa: BERT and SFT fine-tune it, MLC too, and C-RoBERTa "
        "clusters its embeddings",
    )


def _evaluate(options: argparse.Namespace) -> None:
    from ..collecting.open_experts import configured_prices
    from ..collecting.ray_map import ray_map
    from ..data.outcome_set import load_tables, read_tables
    from ..evaluation import write_report
    from ..evaluation.setup import Comparison, compare
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
    if options.outcomes:
        rows = read_tables(options.outcomes)
    else:
        own = recipe.own_outcomes if options.tables == "open" else ()
        rows = load_tables(options.data, own, folder=options.tables)
    comparison = Comparison(
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
    prices = configured_prices(options.config) if options.config else None
    with engine as each:
        evaluation = compare(comparison, recipe, rows, work=options.work, prices=prices, each=each)
    if options.out:
        write_report(evaluation, options.out)
    print(json.dumps(evaluation) if options.json else markdown(evaluation))


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
