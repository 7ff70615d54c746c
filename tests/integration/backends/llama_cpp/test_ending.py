"""Ending an answer of llama.cpp's: from any thread, at any moment, and with the interpreter."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge_router.backends.deadline import Deadline
from edge_router.backends.llama_cpp.backend import LlamaCppBackend
from edge_router.backends.llama_cpp.engine import EngineName
from edge_router.chat.completion import ChatRequest, Message
from edge_router.errors import BackendUnavailable
from made_gguf import TEMPLATE, remake, text

FREE_S = 1.0  # 0.25 s on a machine with nothing else to do
LONG_PROMPT = "word and more " * 500
STORY = "Write a very long story about a river."


def ask(text: str, max_tokens: int = 1500) -> ChatRequest:
    """A request of one user message."""
    return ChatRequest((Message("user", text),), max_tokens=max_tokens)


def later(seconds: float, do: Callable[[], object]) -> None:
    """In another thread."""
    timer = threading.Timer(seconds, do)
    timer.daemon = True
    timer.start()


@pytest.fixture(scope="module")
def backend(engine: EngineName) -> Iterator[LlamaCppBackend]:
    """One loaded model for all tests here."""
    backend = LlamaCppBackend("smollm2-135m", engine=engine)
    backend.complete(ask("Hi", 1), deadline=Deadline.after(60))
    yield backend
    backend.close()


def seconds_until_free(backend: LlamaCppBackend) -> float:
    """How long the next answer waits."""
    started = time.monotonic()
    backend.complete(ask("Hi", 1), deadline=Deadline.after(60))
    return time.monotonic() - started


@pytest.mark.parametrize("prompt", [LONG_PROMPT, STORY], ids=["before", "after the first token"])
def test_a_cancelled_answer_ends_at_once(backend: LlamaCppBackend, prompt: str) -> None:
    """Its caller hears of it, and the model is free."""
    deadline = Deadline.after(60)
    later(0.5, deadline.cancel)
    started = time.monotonic()
    with pytest.raises(BackendUnavailable, match="was cancelled"):
        backend.complete(ask(prompt), deadline=deadline)
    assert time.monotonic() - started < 0.5 + FREE_S
    assert seconds_until_free(backend) < FREE_S


def test_a_queued_answer_is_cancelled_too(backend: LlamaCppBackend) -> None:
    """While another one runs on; and what was cancelled before is not begun."""
    running = backend.stream(ask(STORY), deadline=Deadline.after(60))
    next(running)
    deadline = Deadline.after(60)
    later(0.1, deadline.cancel)
    for _ in range(2):
        started = time.monotonic()
        with pytest.raises(BackendUnavailable, match="was cancelled"):
            backend.complete(ask("Hi"), deadline=deadline)
        assert time.monotonic() - started < FREE_S
    assert next(running).delta
    running.close()


def test_closing_ends_all_answers(engine: EngineName) -> None:
    """Running, suspended and queued ones; their readers get an error."""
    backend = LlamaCppBackend("smollm2-135m", engine=engine)
    suspended = backend.stream(ask(STORY), deadline=Deadline.after(60))
    next(suspended)
    message: list[str] = []

    def complete() -> None:
        try:
            backend.complete(ask(STORY), deadline=Deadline.after(60))
        except BackendUnavailable as error:
            message.append(str(error))

    threads = [threading.Thread(target=complete) for _ in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(0.2)
    started = time.monotonic()
    backend.close()
    assert time.monotonic() - started < FREE_S
    for thread in threads:
        thread.join(FREE_S)
    assert len(message) == 3
    assert all("is closed" in words for words in message)
    with pytest.raises(BackendUnavailable, match="is closed"):
        list(suspended)
    with pytest.raises(BackendUnavailable, match="is closed"):
        backend.complete(ask("Hi"), deadline=Deadline.after(60))
    assert not backend.loaded
    assert backend.count_tokens("Hi") is None


def test_closing_while_it_loads_waits_for_nothing(engine: EngineName) -> None:
    """Whatever the moment."""
    for wait_s in (0.0, 0.02, 0.1, 0.3):
        backend = LlamaCppBackend("smollm2-135m", engine=engine)
        later(wait_s, backend.close)
        with pytest.raises(BackendUnavailable, match="is closed"):
            backend.complete(ask(STORY), deadline=Deadline.after(60))


def test_an_endless_template_ends_with_its_answer(engine: EngineName, tmp_path: Path) -> None:
    """By its deadline, by a cancel and by closing."""
    loop = "{% for i in range(99999) %}"
    endless = text(loop * 3 + "{% endfor %}" * 3)
    path = remake(tmp_path / "endless.gguf", {TEMPLATE: endless}, weights=False)
    backend = LlamaCppBackend(str(path), n_ctx=256, engine=engine)
    cancelled = Deadline.after(60)
    for deadline, why in (
        (Deadline.after(0.5), "ran out of time"),
        (cancelled, "was cancelled"),
        (Deadline.after(60), "is closed"),
    ):
        if deadline is cancelled or why == "is closed":
            later(0.2, backend.close if why == "is closed" else cancelled.cancel)
        with pytest.raises(BackendUnavailable, match=why):
            backend.complete(ask("Hi"), deadline=deadline)


def test_an_exception_in_the_users_loop_is_there_at_once(engine: EngineName) -> None:
    """Ctrl-C comes as one; the stream is not closed by then, but its backend is."""
    backend = LlamaCppBackend("smollm2-135m", engine=engine)
    raised: list[float] = []

    def loop() -> None:
        try:
            for _ in backend.stream(ask(STORY), deadline=Deadline.after(60)):
                raised.append(time.monotonic())
                raise KeyboardInterrupt
        finally:
            backend.close()

    with pytest.raises(KeyboardInterrupt):
        loop()
    assert time.monotonic() - raised[0] < FREE_S


EXITS = {
    "an answer suspended": "next(backend.stream(request, deadline=soon))",
    "an answer kept": "kept = backend.stream(request, deadline=soon); next(kept)",
    "a thread that answers": "threading.Thread(target=run, daemon=True).start(); time.sleep(0.7)",
    "a thread that loads": "threading.Thread(target=run, daemon=True).start(); time.sleep(0.1)",
    "an exception": "kept = backend.stream(request, deadline=soon); next(kept); 1 / 0",
}


@pytest.mark.slow
@pytest.mark.parametrize("what", EXITS)
def test_the_interpreter_ends_in_the_middle_of_an_answer(engine: EngineName, what: str) -> None:
    """Nothing is closed; it neither waits nor crashes, nor says a word of it."""
    code = f"""
    import threading, time
    from edge_router.backends.deadline import Deadline
    from edge_router.backends.llama_cpp.backend import LlamaCppBackend
    from edge_router.chat.completion import ChatRequest
    from edge_router.chat.completion import Message
    backend = LlamaCppBackend("smollm2-135m", engine={engine!r})
    request = ChatRequest((Message("user", {STORY!r}),), max_tokens=1500)
    soon = Deadline.after(60)
    run = lambda: list(backend.stream(request, deadline=soon))
    {EXITS[what]}
    """
    started = time.monotonic()
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert time.monotonic() - started < 10
    assert ran.returncode == (1 if what == "an exception" else 0)
    lines = [line for line in ran.stderr.splitlines() if not line.startswith(" ")]
    assert lines == (
        ["Traceback (most recent call last):", "ZeroDivisionError: division by zero"]
        if what == "an exception"
        else []
    )
