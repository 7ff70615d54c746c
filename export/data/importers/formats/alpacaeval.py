"""AlpacaEval's judgements: github.com/tatsu-lab/alpaca_eval, results/MODEL/JUDGE/annotations.json.

One object for each instruction: `instruction`, `generator_1` and `output_1` of the reference,
`generator_2` and `output_2` of the model, and `preference`, from 1 (the reference is better) to 2.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from edge_router.learning.outcomes.rows import Row

from ...rows import BadRow
from ..texts import number, read_objects

__all__ = ["alpacaeval"]

NEEDED = frozenset({"instruction", "generator_1", "generator_2", "preference"})
NOT_JUDGED = (None, -1)
OLD_DRAW = 0  # written 1.5 since


def alpacaeval(path: Path) -> Iterator[tuple[str, Row]]:
    """Rows of one model's file: its score is preference - 1, the judged probability that its answer
    is better than the reference's. `dataset` is the task.

    Files of several models join into one table if all are judged against the same reference; its
    name is the rows' `judged_against`. Raises BadRow, FileNotFoundError.
    """
    for where, item in read_objects(path):
        if missing := sorted(NEEDED - item.keys()):
            raise BadRow(f"{where} lacks {missing}; give the judge's annotations.json")
        if item["preference"] in NOT_JUDGED:
            continue
        expert = str(item["generator_2"])
        yield (
            where,
            {
                "task": item.get("dataset"),
                "judged_against": str(item["generator_1"]),
                "query": item["instruction"],
                "score": {expert: _score(item, where)},
                "out_chars": {expert: len(str(item.get("output_2") or ""))},
            },
        )


def _score(item: Mapping[str, Any], where: str) -> float:
    preference = number(item["preference"])
    if preference == OLD_DRAW:
        return 0.5
    if preference is None or not 1 <= preference <= 2:
        place = f"{item['preference']!r} for {item['generator_2']!r}"
        raise BadRow(f"{where} has preference {place}; preferences lie in 1..2")
    return round(preference - 1, 10)  # the digits that the files have
