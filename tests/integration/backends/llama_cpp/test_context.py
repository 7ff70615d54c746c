"""What a user sets of a model: how much context it has, its threads, its system message."""

from __future__ import annotations

import os

import pytest
from sure_question import ANSWER, QUESTION

from edge_router.backends.deadline import Deadline
from edge_router.backends.llama_cpp.backend import LlamaCppBackend
from edge_router.backends.llama_cpp.engine import EngineName
from edge_router.backends.llama_cpp.model_files import default_threads
from edge_router.chat.completion import ChatRequest, Message
from edge_router.errors import BackendUnavailable, ConfigError


def ask(text: str, max_tokens: int = 24) -> ChatRequest:
    """A request of one user message."""
    return ChatRequest((Message("user", text),), max_tokens=max_tokens)


def soon() -> Deadline:
    """Time enough on any machine."""
    return Deadline.after(120)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="cores are counted otherwise")
@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 1), (4, 3), (8, 4), (16, 8)])
def test_a_core_is_left_to_others(
    monkeypatch: pytest.MonkeyPatch, cores: int, threads: int
) -> None:
    """Else another computing process would hold up every operation of the model."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: set(range(cores)))
    assert default_threads() == threads


def test_a_context_is_never_longer_than_the_model_was_trained_for(
    engine: EngineName,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Said once; beyond it answers turn to noise."""
    backend = LlamaCppBackend("smollm2-135m", n_ctx=2_000_000_000, engine=engine)
    for _ in range(2):
        question = ask(QUESTION, max_tokens=8)
        assert ANSWER in backend.complete(question, deadline=soon()).text
    backend.close()
    assert [record.levelname for record in caplog.records if record.levelno >= 30] == ["WARNING"]
    assert "8192" in caplog.text


@pytest.mark.parametrize("n_ctx", [1, 16])
def test_a_context_that_holds_no_question_says_so(engine: EngineName, n_ctx: int) -> None:
    """And how long it would have to be."""
    backend = LlamaCppBackend("smollm2-135m", n_ctx=n_ctx, engine=engine)
    with pytest.raises(BackendUnavailable, match=f"context of {n_ctx} token"):
        backend.complete(ask(QUESTION), deadline=soon())
    backend.close()


@pytest.mark.parametrize("n_ctx", [0, -1, True, 1.5, "2048", None])
def test_a_context_of_no_length_is_refused(engine: EngineName, n_ctx: object) -> None:
    """At once."""
    with pytest.raises(ConfigError, match="n_ctx"):
        LlamaCppBackend("smollm2-135m", n_ctx=n_ctx, engine=engine)  # type: ignore[arg-type]


def test_our_own_system_message_is_a_setting(engine: EngineName) -> None:
    """With "" there is none, and this model's template then writes its own."""
    read = []
    for system in ("Be brief.", "", None):
        backend = LlamaCppBackend("smollm2-135m", n_ctx=256, system=system, engine=engine)
        answer = backend.complete(ask("Hi", max_tokens=1), deadline=soon())
        backend.close()
        assert answer.usage is not None
        read.append(answer.usage.prompt_tokens)
    assert read[0] < read[1] == read[2]


def test_more_threads_than_processors_are_cut(
    engine: EngineName, caplog: pytest.LogCaptureFixture
) -> None:
    """With a hundred thousand llama.cpp ends the whole process."""
    backend = LlamaCppBackend("smollm2-135m", n_ctx=256, n_threads=100_000, engine=engine)
    assert backend._worker.settings.n_threads == os.cpu_count()
    assert "n_threads = 100000 is cut" in caplog.text


@pytest.mark.parametrize("claimed", [0, -(2**31), 2**31 - 1])
def test_an_absurd_training_length_is_not_believed(
    claimed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tokenizer would reserve memory for so many tokens."""
    llama_cpp = pytest.importorskip("llama_cpp", reason="the extra `local` is not installed")
    monkeypatch.setattr(llama_cpp._internals.LlamaModel, "n_ctx_train", lambda _: claimed)
    backend = LlamaCppBackend("smollm2-135m", n_ctx=256, engine="llama_cpp_python")
    try:
        answer = backend.complete(ask(QUESTION, 4), deadline=soon())
        assert answer.text
        assert backend._worker.model.model._model.n_ctx_train() == 256
    finally:
        backend.close()
