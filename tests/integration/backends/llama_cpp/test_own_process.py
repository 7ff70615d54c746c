"""A model in a process of its own: it answers as one in this process does, and its crash is an
error."""

from __future__ import annotations

import logging
import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from model_processes import LINUX_ONLY, model_processes, wait_until
from sure_question import ANSWER, QUESTION

from edge_router.backends.deadline import Deadline
from edge_router.backends.llama_cpp.backend import LlamaCppBackend
from edge_router.backends.llama_cpp.engine import EngineName
from edge_router.backends.llama_cpp.own_process import model
from edge_router.chat.completion import ChatRequest, Message
from edge_router.errors import BackendError, BackendUnavailable, ConfigError, ContextExceeded
from made_gguf import TEMPLATE, real, remake, text

LONG_PROMPT = "word and more " * 500
STORY = "Write a very long story about a river."
pytestmark = LINUX_ONLY


def ask(said: str, max_tokens: int = 1500) -> ChatRequest:
    """A request of one user message."""
    return ChatRequest((Message("user", said),), max_tokens=max_tokens)


def soon() -> Deadline:
    """Time enough on any machine."""
    return Deadline.after(60)


def opened(engine: EngineName, *, keep_alive_s: float = 600.0) -> LlamaCppBackend:
    """A backend whose model is to run in a process of its own."""
    return LlamaCppBackend(
        "smollm2-135m", engine=engine, own_process=True, keep_alive_s=keep_alive_s
    )


@pytest.fixture(scope="module")
def backend(engine: EngineName) -> Iterator[LlamaCppBackend]:
    """One loaded model for all tests that do not kill it."""
    backend = opened(engine)
    backend.load(deadline=soon())
    yield backend
    backend.close()


def child_of(backend: LlamaCppBackend) -> int:
    """The process of its model, which is loaded."""
    pid: int = backend._worker.model.process.pid  # type: ignore[union-attr]
    return pid


def test_it_answers_as_in_this_process(backend: LlamaCppBackend, engine: EngineName) -> None:
    """Pieces, usage and counts are the same."""
    here = LlamaCppBackend("smollm2-135m", engine=engine)
    for one in (backend, here):
        one.complete(ask("Hi", 1), deadline=soon())
    mine, its = ([*one.stream(ask(QUESTION, 16), deadline=soon())] for one in (here, backend))
    assert [chunk.delta for chunk in mine] == [chunk.delta for chunk in its]
    assert (mine[-1].usage, mine[-1].finish_reason) == (its[-1].usage, its[-1].finish_reason)
    assert here.count_tokens(STORY) == backend.count_tokens(STORY)
    assert child_of(backend) in model_processes()
    here.close()


def test_errors_cross_with_their_class_and_words(
    backend: LlamaCppBackend, engine: EngineName
) -> None:
    """As raised in this process."""
    long = ChatRequest((Message("user", LONG_PROMPT * 9),), max_tokens=4)
    with pytest.raises(ContextExceeded, match="give it more context_tokens"):
        backend.complete(long, deadline=soon())
    if engine == "xllamacpp":
        with pytest.raises(BackendUnavailable, match="cannot weigh names"):
            backend.choose(ask(QUESTION), [ANSWER, "Rome"], deadline=soon())
        return
    right, wrong = backend.choose(ask(QUESTION), [ANSWER, "Rome"], deadline=soon())
    assert right > wrong
    near = backend.negative_log_likelihood(ask(QUESTION), ANSWER, deadline=soon())
    far = backend.negative_log_likelihood(ask(QUESTION), "a parsnip", deadline=soon())
    assert near is not None
    assert far is not None
    assert near < far


def test_a_deadline_holds_while_the_prompt_is_read(backend: LlamaCppBackend) -> None:
    """And the model is free again soon."""
    with pytest.raises(BackendUnavailable, match="ran out of time"):
        backend.complete(ask(LONG_PROMPT), deadline=Deadline.after(0.3))
    started = time.monotonic()
    assert backend.complete(ask("Hi", 2), deadline=soon()).finish_reason
    assert time.monotonic() - started < 5


def test_cancels_at_any_moment_leave_it_free(backend: LlamaCppBackend) -> None:
    """Fifty, of several threads, by a fixed draw; the same process answers after them."""
    before, draw = child_of(backend), random.Random(7)
    waits = [draw.uniform(0.0, 0.15) for _ in range(50)]
    prompts = [draw.choice((STORY, LONG_PROMPT)) for _ in waits]
    wrong: list[str] = []

    def cancelled(number: int) -> None:
        deadline = soon()
        timer = threading.Timer(waits[number], deadline.cancel)
        timer.start()
        try:
            backend.complete(ask(prompts[number]), deadline=deadline)
        except BackendError as error:
            if "was cancelled" not in str(error):
                wrong.append(str(error))
        timer.join()

    def several(first: int) -> None:
        for number in range(first, len(waits), 5):
            cancelled(number)

    threads = [threading.Thread(target=several, args=(first,)) for first in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert wrong == []
    assert ANSWER in backend.complete(ask(QUESTION, 16), deadline=soon()).text
    assert child_of(backend) == before
    assert backend._worker.model._running == {}  # type: ignore[union-attr]
    assert backend._worker.model.process._inboxes == {}  # type: ignore[union-attr]


def test_a_key_at_the_terminal_does_not_reach_it(backend: LlamaCppBackend) -> None:
    """Ctrl-C is for the foreground, and the process ignores it anyway."""
    os.kill(child_of(backend), signal.SIGINT)
    assert os.getpgid(child_of(backend)) != os.getpgid(0)
    assert backend.complete(ask("Hi", 2), deadline=soon()).finish_reason


def test_a_killed_process_ends_its_answers_and_is_started_anew(engine: EngineName) -> None:
    """In the middle of an answer and while it is idle; what is said of it stays right."""
    backend = opened(engine)
    stream = backend.stream(ask(STORY), deadline=soon())
    next(stream)
    os.kill(child_of(backend), signal.SIGKILL)
    with pytest.raises(BackendUnavailable, match="its process ended with SIGKILL"):
        list(stream)
    assert not backend.loaded
    assert ANSWER in backend.complete(ask(QUESTION, 16), deadline=soon()).text
    process = child_of(backend)
    os.kill(process, signal.SIGKILL)
    wait_until(lambda: not backend.loaded)
    assert (backend.unload(), backend.idle_s < 0) == (False, True)
    backend.load(deadline=soon())
    process = child_of(backend)
    assert backend.unload()
    assert process not in model_processes()
    backend.close()


def test_a_process_killed_while_it_loads(engine: EngineName) -> None:
    """The answer that waits is told, and the next one starts another."""
    backend, words = opened(engine), []

    def answer() -> None:
        with pytest.raises(BackendUnavailable) as raised:
            backend.complete(ask(QUESTION), deadline=soon())
        words.append(str(raised.value))

    others = set(model_processes())
    thread = threading.Thread(target=answer)
    thread.start()
    wait_until(lambda: bool(set(model_processes()) - others))
    (process,) = set(model_processes()) - others
    os.kill(process, signal.SIGKILL)
    thread.join(30)
    assert len(words) == 1
    assert (
        "cannot be loaded: the process for it ended with SIGKILL; own_process = false" in words[0]
    )
    assert (backend.loaded, backend.loading) == (False, False)
    assert ANSWER in backend.complete(ask(QUESTION, 16), deadline=soon()).text
    backend.close()


def test_closing_while_it_loads_leaves_no_process(engine: EngineName) -> None:
    """Whatever the moment."""
    others = set(model_processes())
    for wait_s in (0.0, 0.02, 0.1, 0.3):
        backend = opened(engine)
        timer = threading.Timer(wait_s, backend.close)
        timer.start()
        with pytest.raises(BackendUnavailable, match="is closed"):
            backend.complete(ask(STORY), deadline=soon())
        timer.join()
    wait_until(lambda: set(model_processes()) == others, 5)


def test_a_process_that_is_stopped_holds_up_nobody(engine: EngineName) -> None:
    """Deadlines hold, counting gives up, and closing does not wait for it."""
    backend = opened(engine)
    backend.load(deadline=soon())
    process = child_of(backend)
    os.kill(process, signal.SIGSTOP)
    started = time.monotonic()
    with pytest.raises(BackendUnavailable, match="ran out of time"):
        backend.complete(ask(QUESTION), deadline=Deadline.after(0.2))
    assert backend.count_tokens(QUESTION) is None
    backend.close()
    assert time.monotonic() - started < 3
    os.kill(process, signal.SIGCONT)
    wait_until(lambda: process not in model_processes(), 5)


@pytest.mark.slow
def test_a_job_that_does_not_end_ends_with_its_process(
    engine: EngineName, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some time after its cancel, so that the next one is answered."""
    monkeypatch.setattr(model, "PATIENCE_S", 0.1)
    backend = opened(engine)
    backend.load(deadline=soon())
    os.kill(child_of(backend), signal.SIGSTOP)
    with pytest.raises(BackendUnavailable, match="ran out of time"):
        backend.complete(ask(QUESTION), deadline=Deadline.after(0.1))
    wait_until(lambda: not backend.loaded)
    assert ANSWER in backend.complete(ask(QUESTION, 16), deadline=soon()).text
    backend.close()


def test_a_model_that_aborts_is_an_error(engine: EngineName, tmp_path: Path) -> None:
    """And needs no trial before: this process goes on, and may ask again."""
    deadly = remake(
        tmp_path / "deadly.gguf", {"llama.attention.layer_norm_rms_epsilon": real(-1.0)}
    )
    backend = LlamaCppBackend(str(deadly), n_ctx=256, engine=engine, own_process=True)
    for _ in range(2):
        with pytest.raises(BackendUnavailable, match=r"deadly\.gguf.* ended .*SIGABRT"):
            backend.complete(ask("Hi"), deadline=soon())
    backend.close()


def test_what_the_process_logs_is_logged_here(
    engine: EngineName, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Such as what is wrong with a file's template."""
    caplog.set_level(logging.WARNING, "edge_router.llama_cpp")
    broken = remake(tmp_path / "broken.gguf", {TEMPLATE: text("{{ messages.nothing.at_all }}")})
    backend = LlamaCppBackend(str(broken), n_ctx=256, engine=engine, own_process=True)
    backend.complete(ask("Hi", 2), deadline=soon())
    backend.close()
    assert any("broken.gguf" in line for line in caplog.messages)


def test_where_no_python_can_be_started_the_error_says_so(
    engine: EngineName, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once, as of a frozen application."""
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    with pytest.raises(ConfigError, match=r"own_process needs a Python.*leave it out"):
        opened(engine)
    monkeypatch.undo()
    backend = opened(engine)
    monkeypatch.setattr(sys, "executable", "/nowhere/python3")
    with pytest.raises(BackendUnavailable, match="own_process = false"):
        backend.complete(ask("Hi"), deadline=soon())
    backend.close()


PARENT = """
import os, sys, time
from edge_router.backends.deadline import Deadline
from edge_router.backends.llama_cpp.backend import LlamaCppBackend
from edge_router.chat.completion import ChatRequest

if __name__ == "__main__":
    backend = LlamaCppBackend("smollm2-135m", engine=sys.argv[1], own_process=True)
    request = ChatRequest.of("Write a very long story about a river.")
    stream = backend.stream(request, deadline=Deadline.after(60))
    next(stream)
    if "forks" in sys.argv and os.fork() == 0:
        os.write(1, b"%d\\n" % os.getpid())
        time.sleep(60)
    os.write(1, b"%d\\n" % backend._worker.model.process.pid)
    {end}
"""


@pytest.mark.parametrize("how", ["killed", "killed, a child of it lives"])
def test_it_ends_with_its_parent(engine: EngineName, how: str) -> None:
    """Even one that was killed in the middle of an answer."""
    code = textwrap.dedent(PARENT).format(end="time.sleep(60)")
    forks = ["forks"] if "child" in how else []
    parent = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", code, engine, *forks], stdout=subprocess.PIPE
    )
    with parent:
        assert parent.stdout is not None
        try:
            pids = [int(parent.stdout.readline()) for _ in range(1 + len(forks))]
            (process,) = model_processes(parent.pid)
            assert process in pids
        finally:
            parent.kill()
        wait_until(lambda: not Path(f"/proc/{process}").exists(), 2)
        for pid in set(pids) - {process}:
            os.kill(pid, signal.SIGKILL)


FORKS = """
import os, sys
from edge_router.backends.deadline import Deadline
from edge_router.backends.llama_cpp.backend import LlamaCppBackend
from edge_router.chat.completion import ChatRequest

def answer():
    return backend.complete(request, deadline=Deadline.after(60)).text

backend = LlamaCppBackend("smollm2-135m", n_ctx=256, engine=sys.argv[1], own_process=True)
request = ChatRequest.of(sys.argv[2])
assert sys.argv[3] in answer()
if os.fork() == 0:
    assert not backend.loaded
    assert sys.argv[3] in answer()
    sys.exit(0)
assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
assert sys.argv[3] in answer()
"""


def test_a_forked_child_starts_one_of_its_own(engine: EngineName) -> None:
    """With both engines, since neither was in the process that forked."""
    command = [
        sys.executable,
        "-W",
        "ignore::DeprecationWarning",
        "-c",
        FORKS,
        engine,
        QUESTION,
        ANSWER,
    ]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.slow
@pytest.mark.parametrize("end", ["pass", "backend.close()", "1 / 0"])
def test_a_program_ends_with_no_word_of_it(engine: EngineName, end: str) -> None:
    """Closed or not, and after an exception."""
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PARENT).format(end=end), engine],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == ("/" in end)
    lines = [line for line in ran.stderr.splitlines() if not line.startswith(" ")]
    assert [line for line in lines if "division" not in line] == (
        ["Traceback (most recent call last):"] if "/" in end else []
    )
    process = int(ran.stdout)
    wait_until(lambda: not Path(f"/proc/{process}").exists(), 2)
