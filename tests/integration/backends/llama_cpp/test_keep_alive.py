"""A local model is loaded before its first question if asked to, and leaves memory when idle."""

from __future__ import annotations

import math
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_router.backends.deadline import Deadline
from edge_router.backends.llama_cpp.backend import LlamaCppBackend
from edge_router.backends.llama_cpp.engine import EngineName
from edge_router.chat.completion import ChatRequest, Message
from edge_router.client.sync_client import EdgeRouter
from edge_router.settings.config import Config
from edge_router.settings.expert_config import ExpertConfig

HELLO = ChatRequest((Message("user", "Hello"),), max_tokens=4)
LEAST_FREED = 100_000_000  # bytes; the model takes 160 million


def soon() -> Deadline:
    """Time enough on any machine."""
    return Deadline.after(60)


def wait_until(done: Callable[[], bool]) -> None:
    """Fails after half a minute."""
    until = time.monotonic() + 30
    while not done():
        assert time.monotonic() < until
        time.sleep(0.01)


IDLE = """
import sys, time
from pathlib import Path
from edge_router.backends.deadline import Deadline
from edge_router.backends.llama_cpp.backend import LlamaCppBackend
from edge_router.chat.completion import ChatRequest, Message

def resident():
    (line,) = [one for one in Path("/proc/self/status").read_text().splitlines() if "VmRSS" in one]
    return int(line.split()[1]) * 1024

def answer():
    request = ChatRequest((Message("user", "Hello"),), max_tokens=4)
    return backend.complete(request, deadline=Deadline.after(60)).text

backend = LlamaCppBackend("smollm2-135m", n_ctx=512, engine=sys.argv[1], keep_alive_s=1.0)
first = answer()
loaded, until = resident(), time.monotonic() + 30
while backend.loaded or resident() > loaded - int(sys.argv[2]):
    assert time.monotonic() < until, (loaded, resident())
    time.sleep(0.01)
assert answer() == first
backend.close()
"""


ANSWERS = """
import sys, time
from pathlib import Path
from edge_router import ChatRequest, Config, EdgeRouter, ExpertConfig, Message

QUERIES = ("What is the capital of France?", "Name three colours.", "Why is the sky blue?")

def resident():
    (line,) = [one for one in Path("/proc/self/status").read_text().splitlines() if "VmRSS" in one]
    return int(line.split()[1]) * 1024

local = ExpertConfig("llama_cpp", "smollm2-135m", "135m", engine=sys.argv[1], keep_alive=1)
with EdgeRouter(Config(experts={"local": local})) as router:
    for query in QUERIES:
        router.router.route(query)
    routed, until = resident(), time.monotonic() + 60
    for query in QUERIES:
        assert router.complete(ChatRequest((Message("user", query),), max_tokens=8)).text
    while resident() > routed + 15_000_000:
        assert time.monotonic() < until, (routed, resident())
        time.sleep(0.01)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is told otherwise")
@pytest.mark.parametrize("script", [IDLE, ANSWERS], ids=["most of it", "all but 15 MB"])
def test_an_idle_model_gives_its_memory_back(engine: EngineName, script: str) -> None:
    """In a process of its own: it answers the same when it is asked again, and beside what routing
    alone takes little stays."""
    ran = subprocess.run(
        [sys.executable, "-c", script, engine, str(LEAST_FREED)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")


def test_without_patience_it_goes_after_each_answer(engine: EngineName) -> None:
    """But not under one that runs or waits."""
    backend = LlamaCppBackend("smollm2-135m", n_ctx=256, engine=engine, keep_alive_s=0.0)
    texts: list[str] = []

    def ask() -> None:
        texts.append(backend.complete(HELLO, deadline=soon()).text)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(texts) == 3
    wait_until(lambda: not backend.loaded)
    backend.close()
    assert not backend.loaded


def test_a_model_is_loaded_when_asked_to_be(engine: EngineName) -> None:
    """Without an answer; by default it stays for five minutes, and for ever if so stated."""
    for stated, seconds in ((None, 300.0), ("forever", math.inf), (7, 7.0)):
        expert = ExpertConfig(
            "llama_cpp", "smollm2-135m", "135m", context_tokens=256, engine=engine,
            keep_alive=stated,  # type: ignore[arg-type]
        )  # fmt: skip
        with EdgeRouter(Config(experts={"local": expert})) as router:
            backend = router._backend("local")
            assert isinstance(backend, LlamaCppBackend)
            assert backend._worker.settings.keep_alive_s == seconds
            if stated is None:
                assert not backend.loaded
                router.warm_up()
                router.warm_up()
                assert backend.loaded
