"""RouterBench (Hu et al. 2024): huggingface.co/datasets/withmartian/routerbench.

A wide table, published as a pickled pandas DataFrame: `sample_id`, `prompt`, `eval_name`, a score
column for each model under its name, `MODEL|model_response`, `MODEL|total_cost` in dollars, and
`oracle_model_to_route_to`. Prompts and responses are the texts of Python lists of turns.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from edge_router.learning.outcomes.rows import Row

from ..tables import Table, read_table

__all__ = ["routerbench"]

RESERVED = frozenset({"sample_id", "prompt", "eval_name", "oracle_model_to_route_to"})
ANSWER = "|model_response"
COST = "|total_cost"


def routerbench(path: Path) -> Iterator[tuple[str, Row]]:
    """Rows of one .pkl, .parquet or .csv file; `eval_name` is the task.

    Raises BadData, BadRow, FileNotFoundError.
    """
    table = read_table(path)
    table.require("prompt")
    experts = _experts(table)
    for where, cells in table.lines:
        yield (
            where,
            {
                "id": cells.get("sample_id"),
                "task": cells.get("eval_name"),
                "query": _turns(cells["prompt"]),
                "score": {expert: cells[expert] for expert in experts},
                "cost_usd": {expert: cells.get(f"{expert}{COST}") for expert in experts},
                "answer": {expert: _turns(cells.get(f"{expert}{ANSWER}")) for expert in experts},
            },
        )


def _experts(table: Table) -> tuple[str, ...]:
    """The columns that an answer or a cost belongs to; without either, all that hold numbers."""
    owners = {name.rpartition("|")[0] for name in table.columns if name.endswith((ANSWER, COST))}
    return table.experts(
        lambda name: name in RESERVED or "|" in name or (bool(owners) and name not in owners)
    )


def _turns(cell: object) -> object:
    """The turns of "['first', 'second']" with an empty line between; any other cell as it is."""
    if not isinstance(cell, str) or not cell.startswith(("['", '["')):
        return cell
    try:
        turns = ast.literal_eval(cell)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return cell
    whole = isinstance(turns, list) and all(isinstance(turn, str) for turn in turns)
    return "\n\n".join(turns) if whole else cell
