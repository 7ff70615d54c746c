"""Small made outcome tables: which expert is right depends on the kind of task and on chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from edge_router.export.data.outcome_set import OutcomeSet, outcome_set
from edge_router.learning.outcomes.rows import Row

KINDS = ("sums", "history")
SPLITS = ("train",) * 7 + ("dev",) + ("test",) * 2


def small_rows(
    table: str, chances: Mapping[str, float], *, count: int = 200, seed: int = 0
) -> list[Row]:
    """Rows in which an expert is right by its chance; on sums the first one always fails."""
    random = np.random.default_rng(seed)
    weakest = next(iter(chances))
    rows = []
    for number in range(count):
        kind = KINDS[number % 2]
        right = {name: float(random.random() < chance) for name, chance in chances.items()}
        if kind == "sums":
            right[weakest] = 0.0
        rows.append(
            {
                "qkey": f"{table}-{number}",
                "split": SPLITS[number // 2 % 10],
                "task": kind,
                "lang": "de" if number % 3 == 0 else "en",
                "query": f"{table}: question {number} " + "word " * (number % 7),
                "score": right,
                "out_chars": dict.fromkeys(chances, 40 + number),
            }
        )
    return rows


def small_outcomes(*tables: Sequence[Row]) -> OutcomeSet:
    """Tables named after their first row's query key."""
    return outcome_set({rows[0]["qkey"].rsplit("-", 1)[0]: rows for rows in tables}, 1024)


PAIR = {"small": 0.5, "large": 0.9}
EIGHT = {f"model-{number}": 0.3 + 0.07 * number for number in range(8)}
