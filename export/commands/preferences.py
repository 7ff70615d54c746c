"""edge-router export preferences: preferences on real dollar costs."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from edge_router.cli.table import parser_of

__all__ = ["add"]


def add(commands: Any) -> None:
    """Register the command."""
    command = parser_of(commands, "preferences", _preferences)
    command.add_argument("artifact", help="a shipped router's name or a directory")
    command.add_argument("--data", type=Path, required=True, help="folder with outcomes/")
    command.add_argument(
        "--heads",
        choices=("enrolled", "profiles"),
        default="enrolled",
        help="fitted to the table's train rows, or size profiles as they are",
    )
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--repeats", type=int, default=1000, help="bootstrap resamples")
    command.add_argument("--work", type=Path, default=Path("work"))
    command.add_argument("--json", action="store_true")


def _preferences(options: argparse.Namespace) -> None:
    from edge_router.routing.artifact.manifest import RouterArtifact

    from ..studies.preference import preference_lines, preference_study, priced_table

    artifact = RouterArtifact.load(options.artifact)
    folder = options.data / "outcomes" / "evaluate_only"
    table = priced_table(artifact, folder, heads=options.heads, work=options.work)
    found = preference_study(table, repeats=options.repeats, seed=options.seed)
    print(json.dumps(found) if options.json else "\n".join(preference_lines(found)))
