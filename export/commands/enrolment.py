"""edge-router export enrolment: new experts from few rows, judged on test rows."""

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
    command = parser_of(commands, "enrolment", _enrolment)
    command.add_argument("--artifact", default="router-small", help="a shipped name or a directory")
    command.add_argument("--data", type=Path, required=True, help="folder with outcomes/")
    command.add_argument("--work", type=Path, default=Path("work"))
    command.add_argument("--pool", type=int, help="only so many train rows (default: all)")
    command.add_argument("--draws", type=int, default=20)
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--out", type=Path, help="folder for enrolment.json and .md")


def _enrolment(options: argparse.Namespace) -> None:
    from edge_router.routing.artifact.manifest import RouterArtifact

    from ..studies.enrolment import StudySetting, study
    from ..studies.enrolment_report import enrolment_markdown

    setting = StudySetting(draws=options.draws, pool=options.pool, seed=options.seed)
    artifact = RouterArtifact.load(options.artifact)
    found = study(artifact, options.data, options.work, setting)
    if options.out:
        told = json.dumps(found, indent=1)
        write_atomically(options.out / "enrolment.json", told + "\n")
        write_atomically(options.out / "enrolment.md", enrolment_markdown(found))
    print(enrolment_markdown(found))
