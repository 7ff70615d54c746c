"""The questions of tests that need a right answer: no CPU's rounding changes it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sure_question import ANSWER, ANSWERS, QUESTION, WHOLE

from edge_router.backends.deadline import Deadline
from edge_router.backends.llama_cpp.backend import LlamaCppBackend
from edge_router.backends.llama_cpp.engine import EngineName
from edge_router.chat.completion import ChatRequest, Message

SURE = 0.6  # of probability, the best token less the second; rounding moves it by 0.05


@pytest.fixture(scope="module")
def backend(engine: EngineName) -> Iterator[LlamaCppBackend]:
    """One model for all tests here, which tells its confidence."""
    backend = LlamaCppBackend("smollm2-135m", n_ctx=256, confidence=True, engine=engine)
    yield backend
    backend.close()


@pytest.mark.parametrize("question", ANSWERS)
def test_each_token_leads_by_far(backend: LlamaCppBackend, question: str) -> None:
    """From the first to the city, which is known when the next one is chosen."""
    request, text = ChatRequest((Message("user", question),), max_tokens=16), ""
    for chunk in backend.stream(request, deadline=Deadline.after(60)):
        if ANSWERS[question] in text:
            assert chunk.confidence is not None
            assert chunk.confidence.min_margin > SURE
            break
        text += chunk.delta
    else:
        pytest.fail(f"it says {text!r}")


def test_the_first_one_is_answered_word_for_word(backend: LlamaCppBackend) -> None:
    """Documents show it."""
    request = ChatRequest((Message("user", QUESTION),), max_tokens=16)
    answer = backend.complete(request, deadline=Deadline.after(60))
    assert (answer.text, answer.finish_reason) == (WHOLE, "stop")
    assert ANSWER in WHOLE
