"""edge-router export coverage: whether guaranteed thresholds keep their targets."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from edge_router.cli.table import parser_of
from edge_router.guards.data_folder import write_atomically

__all__ = ["add"]


def add(commands: Any) -> None:
    """Register the command."""
    command = parser_of(commands, "coverage", _coverage)
    command.add_argument("--artifact", default="router-small", help="a name or a directory")
    command.add_argument("--data", type=Path, required=True, help="folder with outcomes/")
    command.add_argument("--splits", type=int, default=500, help="calibration sets (default 500)")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--work", type=Path, default=Path("work"), help="folder for vectors")
    command.add_argument("--out", type=Path, help="folder for coverage.json and coverage.md")
    command.add_argument("--json", action="store_true")


def _coverage(options: argparse.Namespace) -> None:
    from edge_router.routing.artifact.manifest import RouterArtifact

    from ..studies.coverage import coverage_json, coverage_table, pools, study

    artifact = RouterArtifact.load(options.artifact)
    found = study(
        pools(artifact, options.data, work=options.work),
        splits=options.splits,
        seed=options.seed,
    )
    told = json.dumps(coverage_json(found), indent=1)
    if options.out:
        write_atomically(options.out / "coverage.json", told + "\n")
        write_atomically(options.out / "coverage.md", coverage_table(found) + "\n")
    print(told if options.json else coverage_table(found))
