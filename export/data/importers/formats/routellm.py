"""RouteLLM's evaluation tables: github.com/lm-sys/RouteLLM, routellm/evals.

`prompt`, then for each model a column of True and False under the model's name; gsm8k_responses.csv
also has each model's text in `MODEL_response`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from edge_router.learning.outcomes.rows import Row

from ..tables import read_table
from ..texts import bare_name

__all__ = ["routellm"]

PROMPT = "prompt"
ANSWER = "_response"


def routellm(path: Path) -> Iterator[tuple[str, Row]]:
    """Rows of one CSV file; its name is the task. Raises BadData, BadRow, FileNotFoundError."""
    table = read_table(path)
    table.require(PROMPT)
    experts = table.experts(lambda name: name == PROMPT or name.endswith(ANSWER))
    answered = [expert for expert in experts if f"{expert}{ANSWER}" in table.columns]
    for where, cells in table.lines:
        yield (
            where,
            {
                "task": bare_name(path).removesuffix("_responses"),
                "query": cells[PROMPT],
                "score": {expert: cells[expert] for expert in experts},
                "answer": {expert: cells[f"{expert}{ANSWER}"] for expert in answered},
            },
        )
