"""Task kinds: rows of different tables that ask for the same have the same."""

from __future__ import annotations

import pytest

from edge_router.export.data.kinds import UNKNOWN, TaskKinds
from edge_router.learning.outcomes.rows import Row
from edge_router.routing.explaining.kind_words import EVERYDAY_KINDS


def row(task: str, key: str = "k", **more: str) -> Row:
    return {"task": task, "qkey": key, "score": {}, **more}


@pytest.mark.parametrize(
    ("task", "kind"),
    [
        ("gsm8k", "math_word"),
        ("mmlu/anatomy", "mmlu/anatomy"),
        ("everyday/coding", "everyday/coding"),
        ("everyday/capital", "everyday/facts"),
        ("everyday/sum", "everyday/maths"),
        ("open_ended/planning", "everyday/planning"),
        ("open_ended/summarising", "everyday/summarise"),
        ("instruction_following/keywords", "instruction_following"),
        ("device_command/intents/valve", "everyday/command"),
        ("oasst_chat", UNKNOWN),
    ],
)
def test_a_row_alone_has_the_kind_of_its_task(task: str, kind: str) -> None:
    """Kinds of people's queries are those of the rubric."""
    assert TaskKinds.of([]).kind(row(task)) == kind


def test_a_chat_prompt_has_the_kind_that_another_table_gives_it() -> None:
    """By the key of its text."""
    kinds = TaskKinds.of([row("everyday/advice", "a"), row("oasst_chat", "a")])
    assert kinds.kind(row("oasst_chat", "a")) == "everyday/advice"
    assert kinds.kind(row("oasst_chat", "b")) == UNKNOWN


def test_a_translation_has_the_kind_of_its_original() -> None:
    """They have one id."""
    kinds = TaskKinds.of([row("open_ended/legal", "en", id="t-1")])
    assert kinds.kind(row("open_ended_ja/tengu_bench/x", "ja", id="t-1")) == "everyday/legal"


def test_there_are_thirty_everyday_kinds() -> None:
    """As many as the rubric names."""
    assert len(EVERYDAY_KINDS) == 30
