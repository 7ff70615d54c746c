"""edge-router export drift: false alarms and real ones of the drift monitor."""

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
    command = parser_of(commands, "drift", _drift)
    command.add_argument("--artifact", default="router-small", help="the router")
    command.add_argument("--data", type=Path, required=True, help="folder with queries/")
    command.add_argument("--streams", type=int, default=800, help="without drift; a quarter with")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--work", type=Path, default=Path("work"))
    command.add_argument("--out", type=Path, help="folder for drift.json and .md")


def _drift(options: argparse.Namespace) -> None:
    from edge_router.routing.artifact.manifest import RouterArtifact

    from ..studies.drift import drift_markdown, drift_study

    artifact = RouterArtifact.load(options.artifact)
    found = drift_study(
        artifact, options.data, streams=options.streams, work=options.work, seed=options.seed
    )
    if options.out:
        write_atomically(options.out / "drift.json", json.dumps(found, indent=1) + "\n")
        write_atomically(options.out / "drift.md", drift_markdown(found))
    print(drift_markdown(found))
