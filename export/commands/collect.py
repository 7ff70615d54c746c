"""edge-router export collect: outcome rows from experts that are asked."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from edge_router.cli.table import parser_of

from ..collecting.engine import add_engine, runs_on_ray

__all__ = ["add"]


def add(commands: Any) -> None:
    """Register the command."""
    collect = parser_of(commands, "collect", _collect)
    collect.add_argument("out", type=Path, help="outcome rows: JSON lines, or .jsonl.gz")
    collect.add_argument("--config", help="settings with the [experts.NAME] to run")
    collect.add_argument("--expert", action="append", help="only this one (may be repeated)")
    asked = collect.add_mutually_exclusive_group(required=True)
    asked.add_argument("--questions", type=Path, help="JSON lines with query, gold and metric")
    asked.add_argument("--data", type=Path, help="folder with outcomes/ and queries/")
    collect.add_argument(
        "--source", action="append", help="only questions of this source (may be repeated)"
    )
    collect.add_argument("--count", type=int, help="only this many, drawn by their hash")
    collect.add_argument("--parallel", type=int, default=1, help="questions under way at once")
    add_engine(collect)
    collect.add_argument("--costs", action="store_true", help="refuse an expert without a price")
    collect.add_argument(
        "--retry-failed", action="store_true", help="ask again what failed in an earlier run"
    )


def _collect(options: argparse.Namespace) -> None:
    from edge_router.settings.config import Config

    from ..collecting.collect import Asked, collect
    from ..collecting.grading.grade import add_similarities
    from ..collecting.open_experts import asked_experts, ray_experts
    from ..data.questions import gold_questions, read_questions, some_of

    given = options.questions
    asked = read_questions(given) if given else list(gold_questions(options.data))
    questions = some_of(asked, sources=options.source, count=options.count)
    configured = Config.load(options.config).experts
    asking = {"parallel": options.parallel, "costs": options.costs}
    opened: AbstractContextManager[Sequence[Asked]]
    if runs_on_ray(options):
        opened = ray_experts(configured, options.expert, address=options.address, **asking)
    else:
        opened = asked_experts(configured, options.expert, **asking)
    with opened as experts:
        collect(questions, experts, options.out, retry_failed=options.retry_failed)
    add_similarities(options.out, questions)
