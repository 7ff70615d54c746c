"""edge-router export import: outcome rows from a public format."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from edge_router.cli.table import parser_of

__all__ = ["add"]


def add(commands: Any) -> None:
    """Register the command."""
    from ..data.importers import FORMATS
    from ..data.importers.expected import EXPECTED

    command = parser_of(commands, "import", _import)
    command.add_argument("format", choices=sorted(FORMATS), help="what made the files, see below")
    command.add_argument("files", type=Path, nargs="+", help="files in that format")
    command.add_argument("--out", type=Path, required=True, help="JSON lines, or .jsonl.gz")
    command.add_argument("--task", help="the task's name, where the files do not say it")
    command.add_argument("--texts", type=Path, help="queries of a format that holds none")
    command.epilog = (
        " ".join(f"{name}: {expected}." for name, expected in EXPECTED.items())
        + " A csv may also have id, task, lang, gold, and cost_usd:EXPERT, output_tokens:EXPERT, "
        "latency_s:EXPERT."
    )


def _import(options: argparse.Namespace) -> None:
    from ..data.importers import import_outcomes
    from ..data.rows import write_rows

    rows = import_outcomes(options.format, options.files, task=options.task, texts=options.texts)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    write_rows(options.out, rows)
    experts = {expert for row in rows for expert in row["score"]}
    print(f"{len(rows)} rows, {len(experts)} experts -> {options.out}")
