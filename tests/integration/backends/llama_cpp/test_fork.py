"""A process forks after it has used a local model: the child answers with its own, or says why."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from sure_question import ANSWER, QUESTION

from edge_router.backends.llama_cpp.engine import EngineName

SETUP = """
import multiprocessing, os, sys, threading, time
from edge_router.backends.deadline import Deadline
from edge_router.backends.llama_cpp.backend import LlamaCppBackend
from edge_router.chat.completion import ChatRequest
from edge_router.chat.completion import Message
from edge_router.errors import BackendUnavailable

ENGINE = sys.argv[1]
backend = LlamaCppBackend("smollm2-135m", n_ctx=256, n_threads=int(sys.argv[2]), engine=ENGINE)
QUESTION, ANSWER = sys.argv[-2:]

def ask(text=QUESTION, max_tokens=8):
    request = ChatRequest((Message("user", text),), max_tokens=max_tokens)
    return backend.stream(request, deadline=Deadline.after(30))

def answer(*_):
    return "".join(chunk.delta for chunk in ask())

def in_children(count, work):
    pids = []
    for _ in range(count):
        if (pid := os.fork()) == 0:
            try:
                work()
                os._exit(0)
            except BaseException as error:
                print(repr(error), file=sys.stderr)
                os._exit(1)
        pids.append(pid)
    return [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
"""

INHERITED = """
assert ANSWER in answer()
suspended = ask("Write a long story.", 200)
next(suspended)

def child():
    started = time.monotonic()
    try:
        next(suspended)
        raise AssertionError("another process's answer went on")
    except BackendUnavailable:
        pass
    suspended.close()
    assert not backend.loaded
    assert backend.count_tokens("Hi") is None
    assert time.monotonic() - started < 2
    if ENGINE == "xllamacpp":
        try:
            answer()
            raise AssertionError("its C++ has threads that this process has not")
        except BackendUnavailable as error:
            assert "forked from one with a model" in str(error)
        return
    assert ANSWER in answer()
    backend.close()
    try:
        answer()
        raise AssertionError("it was closed")
    except BackendUnavailable:
        pass

def closes_only():
    started = time.monotonic()
    backend.close()
    assert time.monotonic() - started < 1

assert in_children(1, child) == [0]
assert in_children(1, closes_only) == [0]
assert next(suspended).delta
suspended.close()
assert ANSWER in answer()
"""

STRESS = """
expected = answer()
stop = threading.Event()

def keep_answering():
    while not stop.is_set():
        assert answer() == expected

def child():
    assert answer() == expected

thread = threading.Thread(target=keep_answering)
thread.start()
try:
    rounds, children = (int(text) for text in sys.argv[3:5])
    for _ in range(rounds):
        assert in_children(children, child) == [0] * children
finally:
    stop.set()
    thread.join()
"""

METHODS = """
if __name__ == "__main__":
    expected = answer()
    for method in ("fork", "spawn", "forkserver")[ENGINE == "xllamacpp":]:
        with multiprocessing.get_context(method).Pool(2) as pool:
            assert pool.map(answer, range(2)) == [expected] * 2
"""

LEAVES = """
answer()
if os.fork() == 0:
    sys.exit(0)  # with all that the interpreter does at its end
assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
"""


def run(
    code: str, engine: EngineName, *args: int, timeout: float = 60, file: Path | None = None
) -> None:
    """In a process of its own, which must say nothing."""
    script = SETUP + textwrap.dedent(code)
    command = ["-c", script]
    if file is not None:
        file.write_text(script, encoding="utf-8")
        command = [str(file)]
    ran = subprocess.run(
        [
            sys.executable,
            "-W",
            "ignore::DeprecationWarning",
            *command,
            engine,
            *map(str, args or (1,)),
            QUESTION,
            ANSWER,
        ],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")


pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")


def test_a_child_has_a_model_of_its_own(engine: EngineName) -> None:
    """It never goes on with the parent's answer, and closing there is nothing of the parent's."""
    run(INHERITED, engine)


def test_a_child_leaves_in_peace(engine: EngineName) -> None:
    """What it inherited is not taken apart."""
    run(LEAVES, engine)


@pytest.mark.slow
@pytest.mark.parametrize(("n_threads", "rounds", "children"), [(1, 20, 8), (2, 5, 2)])
def test_children_answer_while_the_parent_does(n_threads: int, rounds: int, children: int) -> None:
    """None waits for ever or answers anything else. With more threads than one, a few: they hold
    each other up where there are fewer cores."""
    pytest.importorskip("llama_cpp", reason="the extra `local` is not installed")
    run(STRESS, "llama_cpp_python", n_threads, rounds, children, timeout=900)


@pytest.mark.slow
def test_all_ways_of_multiprocessing_work(engine: EngineName, tmp_path: Path) -> None:
    """Forked (not with xllamacpp, which says so), spawned, and from a server."""
    run(METHODS, engine, file=tmp_path / "script.py", timeout=120)
