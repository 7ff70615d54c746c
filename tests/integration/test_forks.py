"""Processes that fork, spawn or end while threads route: no wrong answer, no hang, no crash."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PRELUDE = """
import os, sys, threading, time, warnings
warnings.simplefilter("ignore")  # newer Pythons warn of any fork beside threads
from edge_router.routing.router import Router
QUERIES = [f"Why do rivers meander, and what is {n} times {n + 1}? " + "word " * 40 * n
           for n in range(5)]
def answers(router):
    decisions = [router.route(query) for query in QUERIES]
    return [(d.expert, d.words, d.grounds.query.representation.vector.tobytes()) for d in decisions]
def busy(router, *, threads=4, daemon=True):
    def work():
        while not STOP.is_set():
            for query in QUERIES:
                router.route(query)
    made = [threading.Thread(target=work, daemon=daemon) for _ in range(threads)]
    for thread in made:
        thread.start()
    time.sleep(0.2)
    return made
STOP = threading.Event()
"""

FORKS = """
def forked(check, seconds=20.0):
    pid = os.fork()
    if pid == 0:
        code = 9
        try:
            code = 0 if check() else 3
        finally:
            os._exit(code)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    return "hang"
"""

WHILE_ROUTING = """
router = Router.bundled()
expected = answers(router)
threads = busy(router)
codes = [forked(lambda: answers(router) == expected) for _ in range({runs})]
STOP.set()
for thread in threads:
    thread.join(20)
assert answers(router) == expected
assert codes == [0] * len(codes), codes
"""

WHILE_OPENING = """
expected = answers(Router.bundled())
def open_again():
    while not STOP.is_set():
        answers(Router.bundled())
threads = [threading.Thread(target=open_again) for _ in range(3)]
for thread in threads:
    thread.start()
codes = [forked(lambda: answers(Router.bundled()) == expected) for _ in range(8)]
STOP.set()
assert codes == [0] * len(codes), codes
"""

FROM_WITHIN_A_CHILD = """
router = Router.bundled()
expected = answers(router)
threads = busy(router)
def child():
    mine = busy(router, threads=2)
    return answers(router) == expected and forked(lambda: answers(router) == expected) == 0
codes = [forked(child) for _ in range(3)]
STOP.set()
assert codes == [0] * len(codes), codes
"""

PRELOADED = """
router = Router.bundled()
expected = answers(router)
def worker():
    threads = busy(router, threads=2)
    good = all(answers(router) == expected for _ in range(3))
    STOP.set()
    return good
assert [forked(worker) for _ in range(4)] == [0] * 4
"""

ENDING = """
router = Router.bundled()
expected = answers(router)
threads = busy(router)
for _ in range(6):
    pid = os.fork()
    if pid == 0:
        assert answers(router) == expected and not router._encoder._calls.under_way
        sys.exit(0)
    assert os.waitpid(pid, 0)[1] == 0
STOP.set()
"""

SHARED_SESSION = """
router = Router.bundled()
expected = answers(router)
before = router._encoder._ready
def child():
    return answers(router) == expected and router._encoder._ready is before
assert forked(child) == 0
"""


def run(*parts: str, env: dict[str, str] | None = None, seconds: float = 150) -> str:
    """What a program of these parts writes to stderr; it must end by itself, with code 0."""
    command = [sys.executable, "-c", "\n".join((PRELUDE, *parts))]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=seconds, env=os.environ | (env or {}),
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, (done.returncode, done.stdout[-500:], done.stderr[-2000:])
    return done.stderr


needs_fork = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")


@needs_fork
@pytest.mark.parametrize(
    "program",
    [
        WHILE_ROUTING.replace("{runs}", "8"),
        WHILE_OPENING,
        FROM_WITHIN_A_CHILD,
        PRELOADED,
        ENDING,
        SHARED_SESSION,
    ],
    ids=["routing", "opening", "child of a child", "preloaded", "ending", "shared session"],
)
def test_a_forked_child_routes_as_its_parent_does(program: str) -> None:
    """Whatever other threads were in the middle of, to the byte, and nothing is printed."""
    assert run(FORKS, program) == ""


@needs_fork
@pytest.mark.slow
def test_160_forks_while_threads_route() -> None:
    """20 runs of 8 children."""
    run(FORKS, WHILE_ROUTING.replace("{runs}", "160"), seconds=300)


@needs_fork
@pytest.mark.parametrize("setting", ["true", "false", "1"])
def test_no_setting_of_the_tokenizers_library_hinders_a_child(setting: str) -> None:
    """Its own threads do not survive a fork."""
    program = FORKS + WHILE_ROUTING.replace("{runs}", "4")
    assert run(program, env={"TOKENIZERS_PARALLELISM": setting}) == ""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing_starts_workers_in_every_way(
    method: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A router is sent to them or inherited, and routes there as here."""
    import multiprocessing

    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system has no {method}")
    script = tmp_path_factory.mktemp("workers") / "workers.py"
    script.write_text(
        PRELUDE
        + f"""
import multiprocessing
def tell(router, queue):
    queue.put(answers(router))
if __name__ == "__main__":
    context = multiprocessing.get_context({method!r})
    router = Router.bundled()
    expected = answers(router)
    threads = busy(router, threads=2)
    queue = context.Queue()
    workers = [context.Process(target=tell, args=(router, queue)) for _ in range(3)]
    for worker in workers:
        worker.start()
    assert all(queue.get(timeout=60) == expected for _ in workers)
    for worker in workers:
        worker.join(20)
    STOP.set()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
"""
    )
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("ending", ["", "sys.exit(0)", "os.kill(os.getpid(), 2)"])
def test_daemon_threads_may_route_while_the_interpreter_ends(ending: str) -> None:
    """Neither an abort nor a hang: before, the process died of SIGABRT."""
    guarded = f"try:\n    {ending or 'pass'}\nexcept KeyboardInterrupt:\n    pass"
    for _ in range(3):
        assert run("busy(Router.bundled())", guarded, seconds=60) == ""


def test_a_thread_that_is_no_daemon_ends_its_work_first() -> None:
    """The interpreter waits for it, and it may route until then."""
    program = """
router = Router.bundled()
def late():
    threading.main_thread().join()
    assert len(answers(router)) == 5
    print("done")
threading.Thread(target=late).start()
import atexit
atexit.register(lambda: answers(router))
"""
    assert run(program, seconds=60) == ""
