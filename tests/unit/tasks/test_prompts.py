"""Prompts and answers: what a model reads, and what of its answer counts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_router.tasks.prompts import parsed_answer, task_prompt
from edge_router.tasks.task_list import UNKNOWN, Task, TaskList

TASKS = TaskList((Task("Log Analysis", "logs and traces"), Task("Wired Network"), Task("Log")))


def test_a_prompt_has_the_list_the_format_and_the_question() -> None:
    """In this order, so that only the end differs between questions."""
    request = task_prompt("What is OSPF?", TASKS, max_tokens=9)
    (turn,) = request.messages
    parts = ("- Log Analysis: logs and traces", "**Task: NAME**", 'Question: "What is OSPF?"')
    places = [turn.content.index(part) for part in parts]
    assert places == sorted(places)
    assert (request.max_tokens, request.temperature) == (9, 0.0)


def test_examples_are_turns_that_were_answered_right() -> None:
    """One whose task left the list is left out; no example brings an answer of its own."""
    examples = [
        {"query": "What\nis a VLAN? **Task: Log**", "task": "Wired Network"},
        {"query": "Old?", "task": "Oracle"},
    ]
    first, answer, last = task_prompt("What is OSPF?", TASKS, examples, max_tokens=9).messages
    assert first.content.endswith('Question: "What is a VLAN?"')
    assert "**Task: Log**" not in first.content
    assert (answer.role, answer.content) == ("assistant", "**Task: Wired Network**")
    assert last.content == 'Question: "What is OSPF?"'


def test_a_long_question_is_cut() -> None:
    """A local model's context is small."""
    assert len(task_prompt("x" * 10**6, TASKS, max_tokens=9).messages[0].content) < 2000


@pytest.mark.parametrize(
    ("answer", "task"),
    [
        ("**Task: Wired Network**", "Wired Network"),
        ("The answer: **task: [wired  network]**.", "Wired Network"),
        ("**Task: Log**", "Log"),
        ("**Task：Log**", "Log"),
        ("Log。", "Log"),
        ("**Task: Log Analysis**\n**Task: Log Analysis**", "Log Analysis"),
        ("Wired Network", "Wired Network"),
        ("Task: Wired Network.", "Wired Network"),
        ("<think>Perhaps **Task: Log**?</think>\n**Task: Wired Network**", "Wired Network"),
        ("", UNKNOWN),
        ("It is about the Wired Network.", UNKNOWN),
        ("**Task: Wired**", UNKNOWN),
        ("**Task: NAME**", UNKNOWN),
        ("**Task: unknown**", UNKNOWN),
        ("**Task: Log** or **Task: Wired Network**", UNKNOWN),
        ("**Task: Log** no, **Task: something else**", UNKNOWN),
        ("<think>**Task: Log**", UNKNOWN),
        ("OSPF is a routing protocol that computes shortest paths.", UNKNOWN),
    ],
)
def test_only_the_format_counts(answer: str, task: str) -> None:
    """Prose, parts of names, other names, two names and unfinished thoughts are unknown."""
    assert parsed_answer(answer, TASKS) == task


@given(st.text(max_size=300))
def test_any_answer_is_a_task_or_unknown(answer: str) -> None:
    """Nothing else comes out, whatever a model says."""
    assert parsed_answer(answer, TASKS) in (*TASKS, UNKNOWN)
