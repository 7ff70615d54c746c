"""edge-router export judge: an expert rates the answers of others under a rubric."""

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
    judge = parser_of(commands, "judge", _judge)
    judge.add_argument("rows", type=Path, help="outcome rows with query and answer")
    judge.add_argument(
        "--out", type=Path, required=True, help="judged rows: JSON lines, or .jsonl.gz"
    )
    judge.add_argument("--config", help="settings with the [experts.NAME] that judges")
    judge.add_argument("--judge", required=True, metavar="NAME", help="the expert that judges")
    judge.add_argument(
        "--mode",
        choices=("score", "pairs"),
        default="score",
        help="a rating of each answer, or every two answers in both orders, with ties",
    )
    judge.add_argument(
        "--rubric", type=Path, help="file with the rubric (default: export/recipes/judge_rubric.md)"
    )
    judge.add_argument(
        "--prompt",
        type=Path,
        help="file with the prompt's template (default: export/recipes/judge_*.txt)",
    )
    judge.add_argument(
        "--bound",
        action="store_true",
        help="the judge can reply with a verdict in JSON alone: local models, and servers that "
        "take a response_format",
    )
    judge.add_argument("--count", type=int, help="only so many rows, drawn by their hash")
    judge.add_argument("--max-usd", type=float, help="what all verdicts may cost")
    judge.add_argument("--seed", type=int, default=0, help="of the draw that orders the questions")
    add_shared(judge, "--json")


def _judge(options: argparse.Namespace) -> None:
    from edge_router.settings.config import Config

    from ..collecting.collect import journal_of
    from ..collecting.open_experts import asked_experts
    from ..data.rows import BadData, read_rows
    from ..data.splits import some_rows
    from ..judging.agreement import agreement, agreement_text
    from ..judging.cases import Questionnaire
    from ..judging.judge import Judge, judge_answers

    if options.max_usd is not None and not 0 <= options.max_usd < float("inf"):
        raise BadData(f"--max-usd is {options.max_usd}; it must be 0 or more")
    if options.count is not None and options.count < 1:
        raise BadData(f"--count is {options.count}; it must be 1 or more")
    if options.out.resolve() == options.rows.resolve():
        raise BadData(f"{options.out} holds the answers; write the verdicts to another file")
    questionnaire = Questionnaire.load(
        options.mode, prompt=options.prompt, rubric=options.rubric, bound=options.bound
    )
    rows = some_rows(list(read_rows(options.rows)), options.count)
    configured = Config.load(options.config).experts
    costs = options.max_usd is not None
    with asked_experts(configured, [options.judge], parallel=1, costs=costs) as (expert,):
        one = Judge(expert.name, expert.backends[0], expert.pricing, options.max_usd)
        verdicts = judge_answers(rows, questionnaire, one, options.out, seed=options.seed)
    figures = agreement(verdicts, options.mode, seed=options.seed)
    print(json.dumps(figures) if options.json else agreement_text(figures))
    if verdicts and figures["unreadable"] == len(verdicts):
        raise BadData(
            f"none of {len(verdicts):,} replies of {options.judge} is a verdict; what it said is "
            f"in {journal_of(options.out).path}: bind it with --bound, or name another --judge"
        )
