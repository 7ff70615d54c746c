"""Ask an expert questions with gold answers: request, retries, outcome rows, when to stop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from edge_router.chat.message import Message
from edge_router.chat.request import ChatRequest
from edge_router.errors import BackendError, BackendUnavailable, ConfigError

from ..outcomes.rows import Row
from .journal import Journal

__all__ = ["ExpertKeepsFailing", "Retries", "outcome_row", "question_request", "record"]

T = TypeVar("T")


class ExpertKeepsFailing(ConfigError):
    """An expert failed too often in a row to go on; its answers so far are kept."""


def question_request(question: str, *, instruction: str, max_tokens: int) -> ChatRequest:
    """The question and how to answer it, at temperature 0."""
    message = Message("user", question + instruction)
    return ChatRequest((message,), max_tokens=max_tokens, temperature=0.0)


@dataclass(frozen=True, slots=True)
class Retries:
    """Asks up to `attempts` times, 1 or more, with a pause that doubles from `first_pause_s`.

    Where a server says how long to wait, that is the pause. None is longer than `most_pause_s`.
    """

    attempts: int
    first_pause_s: float
    most_pause_s: float = math.inf

    def run(self, ask: Callable[[], T]) -> T:
        """The first answer. Only BackendUnavailable is tried again; the last one is raised."""
        for attempt in range(self.attempts - 1):
            try:
                return ask()
            except BackendUnavailable as error:
                pause = error.retry_after_s or self.first_pause_s * 2**attempt
                time.sleep(min(pause, self.most_pause_s))
        return ask()


def outcome_row(question: Row, expert: str, ask: Callable[[], Mapping[str, Any]]) -> Row:
    """`question` with each field that `ask` returns by `expert`, without those that are None.

    Where it raises BackendError, the row has no score but `failed`: never a wrong answer.
    """
    try:
        outcome = ask()
    except BackendError as error:
        return question | {"score": {}, "failed": {expert: str(error)}}
    return question | {
        name: {expert: value} for name, value in outcome.items() if value is not None
    }


def record(
    outcomes: Iterable[Row],
    expert: str,
    journal: Journal,
    *,
    most_failures: int,
    keep_failures: bool = False,
) -> Iterator[Row]:
    """Each of the `outcomes` of `expert`, as it comes, once it is in the journal.

    With `keep_failures` failures are in the journal too. Raises ExpertKeepsFailing after
    `most_failures` without an answer between them; the last of them is not kept.
    """
    failures = 0
    with journal.writer() as write:
        for row in outcomes:
            failure = row.get("failed", {}).get(expert)
            failures = 0 if failure is None else failures + 1
            if failures == most_failures:
                raise ExpertKeepsFailing(
                    f"{expert} failed {failures} times in a row, last: {failure}; its answers are "
                    f"kept, mend it and run again{' with --retry-failed' * keep_failures}"
                )
            if failure is None or keep_failures:
                write(row)
            yield row
