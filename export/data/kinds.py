"""Task kinds: equal names for equal kinds of task in different tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

from edge_router.learning.outcomes.rows import Row
from edge_router.routing.explaining.kind_words import EVERYDAY_KINDS

__all__ = ["EVERYDAY", "UNKNOWN", "TaskKinds"]

UNKNOWN = ""  # a row that no table says the kind of: it trains no kind

EVERYDAY, OPEN_ENDED = "everyday/", "open_ended/"
SOURCE_ONLY = frozenset({"oasst_chat"})  # says where a prompt is from, not what it asks for

SAME_KIND = {
    "gsm8k": "math_word",
    "agentverse-mgsm": "math_word",
    "math": "math_competition",
    "human_eval": "humaneval",
    # Our own questions with gold answers.
    "everyday/category": "everyday/classification",
    "everyday/grammar": "everyday/rewriting",
    "everyday/sum": "everyday/maths",
    "everyday/product": "everyday/maths",
    # Tengu-Bench.
    "open_ended/data_analysis": "everyday/dataanalysis",
    "open_ended/format": "instruction_following",
    "open_ended/safety": "everyday/harmful",
    "open_ended/summarising": "everyday/summarise",
    "open_ended/tool_call": "everyday/extraction",
    "open_ended/wordplay": "everyday/writing",
}
SAME_GROUP = {
    "instruction_following": "instruction_following",
    "device_command": "everyday/command",
}


@dataclass(frozen=True, slots=True)
class TaskKinds:
    """Kinds of rows. Where one table says the kind of an everyday query, or of the query whose
    translation a row is, the others follow it: `by_key` and `by_id`."""

    by_key: Mapping[str, str]
    by_id: Mapping[str, str]

    @classmethod
    def of(cls, rows: Iterable[Row]) -> Self:
        by_key, by_id = {}, {}
        for row in rows:
            task = str(row["task"])
            if task.startswith(EVERYDAY):
                by_key[row["qkey"]] = _named(task)
            elif task.startswith(OPEN_ENDED):
                by_id[str(row.get("id"))] = _named(task)
        return cls(by_key, by_id)

    def kind(self, row: Row) -> str:
        """The kind of a row, UNKNOWN where nothing says it."""
        task = str(row["task"])
        if task.startswith(EVERYDAY):
            return _named(task)
        known = self.by_key.get(row["qkey"]) or self.by_id.get(str(row.get("id")))
        return known or (UNKNOWN if task in SOURCE_ONLY else _named(task))


def _named(task: str) -> str:
    group, _, rest = task.partition("/")
    if task in SAME_KIND:
        return SAME_KIND[task]
    if group in SAME_GROUP:
        return SAME_GROUP[group]
    if task.startswith(OPEN_ENDED):
        return EVERYDAY + rest
    if task.startswith(EVERYDAY) and rest not in EVERYDAY_KINDS:
        return f"{EVERYDAY}facts"  # our own: capitals, colours, opposites, the calendar
    return task
