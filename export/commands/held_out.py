"""edge-router export held-out: an artifact on tables that it never saw."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from edge_router.cli.table import parser_of

from ..studies.options import add_shared

__all__ = ["add"]


def add(commands: Any) -> None:
    """Register the command."""
    command = parser_of(commands, "held-out", _held_out)
    command.add_argument("artifact", help="a shipped router's name or a directory")
    command.add_argument(
        "--recipe", type=Path, help="the recipe with the [[unseen]] pairs (default: ours)"
    )
    command.add_argument("--data", type=Path, required=True, help="folder with outcomes/")
    command.add_argument("--tables", default="evaluate_only", help="folder in outcomes/")
    add_shared(command, "--work", "--json")


def _held_out(options: argparse.Namespace) -> None:
    from edge_router.routing.artifact.manifest import RouterArtifact

    from ..data.outcome_set import load_tables
    from ..evaluation.held_out import evaluate_unseen
    from ..metrics.table import leaderboard
    from ..recipe import SHIPPED, Recipe

    recipe = Recipe.load(options.recipe or SHIPPED)
    trained_on = load_tables(options.data, recipe.own_outcomes).values()
    evaluations = evaluate_unseen(
        RouterArtifact.load(options.artifact),
        recipe.unseen,
        options.data / "outcomes" / options.tables,
        seen={row["qkey"] for rows in trained_on for row in rows if row["split"] == "train"},
        work=options.work,
    )
    print(json.dumps(evaluations) if options.json else leaderboard(evaluations))
