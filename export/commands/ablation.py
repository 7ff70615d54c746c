"""edge-router export ablation: what each step towards a fast encoder buys."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edge_router.cli.table import parser_of
from edge_router.guards.data_folder import write_atomically

__all__ = ["add"]


def add(commands: Any) -> None:
    """Register the command."""
    command = parser_of(commands, "ablation", _ablation)
    command.add_argument("--repeats", type=int, default=200, help="timed calls of each graph")
    command.add_argument("--work", type=Path, default=Path("work/ablation"), help="for the graphs")
    command.add_argument("--out", type=Path, help="folder for ablation.json and ablation.md")
    command.add_argument("--json", action="store_true")


def _ablation(options: argparse.Namespace) -> None:
    from ..recipe import base_folder
    from ..studies.ablation import ablation, ablation_table

    rows = ablation(base_folder(), options.work, repeats=options.repeats)
    told, table = json.dumps([asdict(row) for row in rows], indent=1), ablation_table(rows)
    if options.out:
        write_atomically(options.out / "ablation.json", told + "\n")
        write_atomically(options.out / "ablation.md", table + "\n")
    print(told if options.json else table)
