"""Prompts that have a language model name the task of a question, and the strict parser of answers.

What they say is CoE-Ops', section IV, prompts 1 and 3: the task list, with retrieval also similar
questions with their tasks, the question, and the format of the answer, `**Task: NAME**`. Similar
questions are earlier turns of the conversation, answered right: a model of 135M follows those
where it ignores the same examples in one long prompt.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from edge_router.chat.completion import ChatRequest, Message

from .classification import ANSWER
from .labelled import shown_text
from .task_list import UNKNOWN, TaskList

__all__ = ["parsed_answer", "task_prompt"]

EXAMPLE, QUESTION = 160, 600  # characters shown of a similar question, and of the question itself

START = "You sort questions into tasks. These are the tasks:"
FORMAT = (
    "Which of the tasks is a question? Do not answer the question. Reply with one line, the name "
    "of a task from the list in it: **Task: NAME**"
)
THOUGHTS = re.compile(r"<think>.*?(?:</think>|$)", re.DOTALL | re.IGNORECASE)
MARKED = re.compile(r"\*\*\s*task\s*[:：]\s*(.*?)\s*\*\*", re.IGNORECASE)
ALONE = re.compile(r"(?:task\s*[:：])?\s*(.*?)\s*[.。]?", re.IGNORECASE)
BRACKETS = "[]\"'` "


def task_prompt(
    question: str,
    tasks: TaskList,
    examples: Sequence[Mapping[str, Any]] = (),
    *,
    max_tokens: int,
) -> ChatRequest:
    """The request at temperature 0. The list of tasks comes first and hardly changes, so a local
    model reads it once. `examples` have `query` and `task`; one whose task is not in the list is
    left out. Of a long question the head and the tail are shown."""
    listed = "\n".join(f"- {task.line}" for task in tasks.tasks)
    opening = f"{START}\n{listed}\n\n{FORMAT}\n\n"
    turns: list[Message] = []
    for one in examples:
        if one["task"] in tasks:
            text = " ".join(ANSWER.sub(" ", str(one["query"])).split())
            turns.append(Message("user", _asked(shown_text(text, EXAMPLE))))
            turns.append(Message("assistant", f"**Task: {one['task']}**"))
    turns.append(Message("user", _asked(shown_text(question, QUESTION))))
    turns[0] = Message("user", opening + turns[0].text)
    return ChatRequest(tuple(turns), max_tokens=max_tokens, temperature=0.0)


def _asked(question: str) -> str:
    return f'Question: "{question}"'


def parsed_answer(answer: str, tasks: TaskList) -> str:
    """The task that an answer names, or UNKNOWN (CoE-Ops, equation 7).

    Only the format counts, or an answer that is the name of a task and nothing else: a name in
    prose, a name that is not in the list and two different names are UNKNOWN. What a model thinks
    aloud in `<think>` is not its answer.
    """
    text = THOUGHTS.sub(" ", answer).strip()
    named = MARKED.findall(text)
    if not named:
        alone = ALONE.fullmatch(text.strip("*"))
        named = [alone[1]] if alone else []
    found = {tasks.named(name.strip(BRACKETS)) for name in named}
    (task,) = found if len(found) == 1 else (None,)
    return task or UNKNOWN
