"""A forked child opens its own connections, and leaves those of its parent alone."""

from __future__ import annotations

import contextlib
import os
import threading
import time
import warnings
from collections.abc import Callable

import pytest

from asking import asking, complete, in_two
from edge_router.backends.deadline import Deadline
from edge_router.backends.openai.backend import OpenAIBackend
from edge_router.chat.completion import ChatRequest
from edge_router.errors import BackendUnavailable
from fault_server import FaultServer, Peer, answer_json, piece

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


def _in_child(work: Callable[[], bool]) -> int:
    """Fork; the child runs `work` and says whether all was right. Returns its pid."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python 3.12 warns of threads, which this is about
        pid = os.fork()
    if pid:
        return pid
    code = 1
    with contextlib.suppress(BaseException):
        code = 0 if work() else 2
    os._exit(code)


def _exit_code(pid: int) -> int:
    """The child's exit code; one that hangs is ended after ten seconds."""
    timer = threading.Timer(10, os.kill, (pid, 9))
    timer.start()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    timer.cancel()
    return code


def _echo(peer: Peer) -> None:
    while text := peer.request():
        said = text.rpartition('"content": "')[2].partition('"')[0]
        peer.pause(0.01)
        peer.send(answer_json({"choices": [{"message": {"content": said}}]}))


def _is_answered(backend: OpenAIBackend, who: str) -> bool:
    questions = [f"{who} {number}" for number in range(4)]
    return questions == [
        backend.complete(ChatRequest.of(one), deadline=Deadline.after(10)).text for one in questions
    ]


def test_nobody_gets_the_answer_of_another_process() -> None:
    """Parent and children ask at the same time, after the parent has kept a connection."""
    with FaultServer(_echo) as server:
        backend = OpenAIBackend("tiny", base_url=server.url)
        assert _is_answered(backend, "before")
        pids = [_in_child(lambda n=n: _is_answered(backend, f"child {n}")) for n in range(4)]  # type: ignore[misc]
        assert _is_answered(backend, "parent")
        assert [_exit_code(pid) for pid in pids] == [0] * 4
        assert server.connections == 5
        assert _is_answered(backend, "after")
        backend.close()


def test_closing_in_a_child_leaves_the_parent_connected() -> None:
    """The connection is the parent's, and so is the stream that runs through it."""
    with asking(in_two(piece("a"), piece("b", finish="stop"), pause_s=0.3)) as backend:
        told = backend.stream(ChatRequest.of("hi"), deadline=Deadline.after(10))
        assert next(told).delta == "a"

        def work() -> bool:
            told.close()
            backend.close()
            return True

        assert _exit_code(_in_child(work)) == 0
        assert [chunk.delta for chunk in told] == ["b", ""]


@pytest.mark.parametrize("ready", ["", piece("b")])
def test_a_stream_of_the_parent_is_an_error_in_the_child(ready: str) -> None:
    """The child gets the error at once, even if the next piece is already there."""
    with asking(in_two(piece("a") + ready, piece("c", finish="stop"), pause_s=0.3)) as backend:
        deadline = Deadline.after(10)
        told = backend.stream(ChatRequest.of("hi"), deadline=deadline)
        next(told)

        def work() -> bool:
            start = time.monotonic()
            try:
                next(told)
            except BackendUnavailable as error:
                deadline.cancel()
                return "forked" in str(error) and time.monotonic() - start < 1
            return False

        assert _exit_code(_in_child(work)) == 0
        assert [chunk.delta for chunk in told][-2:] == ["c", ""]


def test_a_fork_while_threads_ask_hangs_nobody() -> None:
    """Whatever lock another thread holds at that moment, the child is answered."""
    with FaultServer(_echo) as server:
        backend = OpenAIBackend("tiny", base_url=server.url)
        stop = threading.Event()

        def ask() -> None:
            while not stop.is_set():
                complete(backend, Deadline.after(10))

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        pids = [_in_child(lambda: _is_answered(backend, "child")) for _ in range(8)]
        codes = [_exit_code(pid) for pid in pids]
        stop.set()
        for thread in threads:
            thread.join()
        backend.close()
    assert codes == [0] * 8
