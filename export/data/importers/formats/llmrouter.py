"""LLMRouter's routing data: github.com/ulab-uiuc/LLMRouter, llmrouter/data/README.md.

One line for each query and model: `task_name`, `query`, `ground_truth`, `metric`, `choices`,
`model_name`, `response`, `input_tokens`, `output_tokens`, `response_time` in seconds, and
`performance` in 0..1. JSON, JSON lines, or the parquet files of huggingface.co/datasets/ulab-ai.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from edge_router.learning.outcomes.rows import Row

from ...rows import BadRow
from ..tables import read_lines
from ..texts import is_blank

__all__ = ["llmrouter"]

NEEDED = frozenset({"query", "model_name", "performance"})
KEPT = (
    ("task_name", "task"),
    ("metric", "metric"),
    ("ground_truth", "gold"),
    ("choices", "choices"),
)
KNOWN = (
    ("input_tokens", "input_tokens"),
    ("output_tokens", "output_tokens"),
    ("response_time", "latency_s"),
    ("response", "answer"),
)
# How LLMRouter marks a call that failed, with 0 tokens. Its score says nothing about the model.
FAILED = ("ERROR", "API Error")


def llmrouter(path: Path) -> Iterator[tuple[str, Row]]:
    """A row for each line; lines of the same query join. Lines whose API call failed are left out.

    The choices of a question stand beside its text, as in the file. Raises BadData, BadRow,
    FileNotFoundError.
    """
    for where, line in read_lines(path):
        if missing := sorted(NEEDED - line.keys()):
            raise BadRow(f"{where} lacks {missing}")
        if str(line.get("response")).startswith(FAILED) and not line.get("output_tokens"):
            continue
        expert = str(line["model_name"])
        row: Row = {ours: line[its] for its, ours in KEPT if not is_blank(line.get(its))}
        row |= {"query": line["query"], "score": {expert: line["performance"]}}
        row |= {ours: {expert: line.get(its)} for its, ours in KNOWN}
        yield where, row
