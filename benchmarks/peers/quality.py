"""APGR of the peers' scores on the test rows of outcome tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_router.export.data.rows import read_partial_rows

__all__ = ["PAIRS", "Task", "apgr_of", "load_task"]

PAIRS: Mapping[str, tuple[str, str]] = {
    "mmlu_test_joint": ("mixtral-8x7b-instruct", "gpt-4-1106-preview"),
    "math_test_joint": ("lookahead/Llama-3.1-8B-Instruct", "lookahead/Qwen2.5-Coder-7B-Instruct"),
}

Example = tuple[str, float, float]


@dataclass(frozen=True, slots=True)
class Task:
    """A table's rows that know both experts: (query, weak score, strong score)."""

    table: str
    weak: str
    strong: str
    train: tuple[Example, ...]
    test: tuple[Example, ...]


def load_task(
    data: Path, table: str, *, train_rows: int | None = None, test_rows: int | None = None
) -> Task:
    """Read `data`/outcomes/open/TABLE.jsonl.gz, or only its first rows. Raises BadRow."""
    weak, strong = PAIRS[table]
    rows = read_partial_rows(data / "outcomes" / "open" / f"{table}.jsonl.gz")
    known = [row for row in rows if {weak, strong} <= row.get("score", {}).keys()]
    return Task(
        table,
        weak,
        strong,
        tuple(_examples(known, "train", weak, strong))[:train_rows],
        tuple(_examples(known, "test", weak, strong))[:test_rows],
    )


def _examples(
    rows: Iterable[Mapping[str, Any]], split: str, weak: str, strong: str
) -> Iterable[Example]:
    for row in rows:
        if row.get("split") == split and "query" in row:
            yield row["query"], row["score"][weak], row["score"][strong]


def apgr_of(task: Task, gains: Sequence[float]) -> tuple[float, float, float]:
    """APGR and its 95 % bootstrap interval (RouteLLM, equation 6); `gains` (test rows,)."""
    import numpy as np

    from edge_router.export.metrics.apgr import apgr, bootstrap

    weak = np.array([row[1] for row in task.test])
    strong = np.array([row[2] for row in task.test])
    order = np.asarray(gains, dtype=np.float64)
    interval = bootstrap(lambda at: apgr(order[at], weak[at], strong[at]), len(order), repeats=500)
    return interval.value, interval.low, interval.high
