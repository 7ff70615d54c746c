"""edge-router export assess: every measure of one artifact on a split."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from edge_router.cli.table import parser_of
from edge_router.guards.data_folder import require_writable, write_atomically

from ..studies.options import add_shared

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
        "--only", nargs="+", metavar="MEASURE", help="only these measures (default: all)"
    )
    command.add_argument(
        "--unseen",
        nargs="+",
        default=(),
        metavar="TABLE",
        help="tables that the artifact was never trained on: all their rows count",
    )
    command.add_argument(
        "--pairs",
        type=Path,
        nargs="+",
        default=(),
        help="files of more pairs: JSON lines with kind, easy and hard",
    )
    command.add_argument(
        "--recipe",
        type=Path,
        help="the recipe that says which models stand for a size (default: ours)",
    )
    command.add_argument(
        "--evaluations", type=int, default=500, help="prompts tried in each search for an attack"
    )
    add_shared(command, "--seed", "--repeats", "--work")
    command.add_argument("--out", type=Path, help="folder for assessment.json, .md and .html")
    add_shared(command, "--json")


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
