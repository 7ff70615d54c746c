"""How an expert is asked questions with gold answers: the request, retries, and when to stop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from edge_router.chat.completion import ChatRequest, Message
from edge_router.errors import BackendUnavailable

__all__ = ["FailureStreak", "Retries", "question_request"]

T = TypeVar("T")


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


@dataclass(slots=True)
class FailureStreak:
    """Counts failures without a success between them; after `most` it makes no sense to go on."""

    most: int
    count: int = 0

    def add(self, *, failed: bool) -> bool:
        """Whether `most` is reached."""
        self.count = self.count + 1 if failed else 0
        return self.count == self.most
