"""The answers of TO-Router's experiment: asked, measured, kept, and read again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edge_router.learning.outcomes.rows import Row

from ...collecting.collect import collect
from ...collecting.grading.grade import add_similarities
from ...data.rows import BadData, read_rows
from .experts import EXPERTS, study_expert
from .questions import study_questions

__all__ = ["ask_experts", "complete_rows"]

MEASURED = ("score", "similarity", "nll", "latency_s", "output_tokens", "cost_usd")


def ask_experts(data: Path, count: int, out: Path, work: Path) -> None:
    """Ask all experts `count` questions of each kind, but for what `out` has; write it there.

    A killed run goes on where it was. `work` keeps the models. Raises BadData,
    ExpertKeepsFailing.
    """
    questions = study_questions(data, count)
    work.mkdir(parents=True, exist_ok=True)
    for name in EXPERTS:
        with study_expert(name, work) as expert:
            collect(questions, [expert], out)
    add_similarities(out, questions)


def complete_rows(path: Path, data: Path) -> list[Row]:
    """The rows of which every measurement of every expert is known, with their queries.

    The texts, which are not ours to copy, come from `data`. Raises BadData.
    """
    texts = {row["qkey"]: row["query"] for row in study_questions(data, _ALL)}
    rows = [row for row in read_rows(path, texts) if _is_complete(row, list(EXPERTS))]
    if not rows:
        raise BadData(f"{path} has no row with all measurements of {', '.join(EXPERTS)}")
    return rows


_ALL = 1 << 30


def _is_complete(row: Row, experts: Sequence[str]) -> bool:
    return all(expert in row.get(field, {}) for field in MEASURED for expert in experts)
