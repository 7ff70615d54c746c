"""edge-router export assess: every measure of one artifact on a split."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from edge_router.cli.table import parser_of
from edge_router.guards.data_folder import require_writable, write_atomically

__all__ = ["add"]


def add(commands: Any) -> None:
    """Register the command."""
    command = parser_of(commands, "assess", _assess)
    command.add_argument("artifact", help="a shipped router's name or a directory")
    command.add_argument("--data", type=Path, required=True, help="folder with outcomes/")
    command.add_argument(
        "--split", choices=("dev", "test"), default="dev", help="choose on dev, report test once"
    )
    command.add_argument(
        "--only", nargs="+", metavar="MEASURE", help="these measures (default: all)"
    )
    command.add_argument(
        "--unseen",
        nargs="+",
        default=(),
        metavar="TABLE",
        help="tables that the artifact was never trained on: all their rows count",
    )
    command.add_argument(
        "--pairs", type=Path, nargs="+", default=(), help="more pairs: JSON lines, kind, easy, hard"
    )
    command.add_argument(
        "--recipe", type=Path, help="which models stand for a size (default: ours)"
    )
    command.add_argument(
        "--evaluations", type=int, default=500, help="of each search for an attack (default 500)"
    )
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--repeats", type=int, default=1000, help="bootstrap resamples")
    command.add_argument("--work", type=Path, default=Path("work"), help="folder for vectors")
    command.add_argument("--out", type=Path, help="folder for assessment.json, .md and .html")
    command.add_argument("--json", action="store_true")


def _assess(options: argparse.Namespace) -> None:
    from ..evaluation.assessment import Setting, assess
    from ..report.assessment import assessment_files, assessment_markdown

    setting = Setting.of(
        options.artifact,
        options.data,
        split=options.split,
        work=options.work,
        recipe=options.recipe,
        unseen=options.unseen,
        pair_files=options.pairs,
        evaluations=options.evaluations,
        seed=options.seed,
        repeats=options.repeats,
    )
    if options.out:
        require_writable(options.out / "assessment.json")
    assessment = assess(setting, options.only)
    if options.out:
        for name, text in assessment_files(assessment).items():
            write_atomically(options.out / name, text)
    print(json.dumps(assessment) if options.json else assessment_markdown(assessment))
