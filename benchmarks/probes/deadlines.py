"""How far each call goes beyond a deadline of 2 s when a server misbehaves, and what an open
breaker costs.

Arguments: the deadline in seconds (2) and, optionally, names of cases; "local prefill" needs the
extra `local`. Each case is called by the sync and by the async client, whole. Prints JSON:
milliseconds beyond the deadline (below 0: it ended before), and of 1,000 calls on an open breaker
the median and the longest.
"""

import asyncio
import contextlib
import gzip
import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

from edge_router import AsyncEdgeRouter, ChatRequest, Config, EdgeRouter, EdgeRouterError
from edge_router.backends.deadline import Deadline
from edge_router.errors import BackendUnavailable
from edge_router.layers.resilience import FAILURES_IN_A_ROW, Breaker
from edge_router.settings.expert_config import ExpertConfig
from edge_router.testing import FakeBackend

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
PIECE = b'data: {"choices": [{"delta": {"content": "One "}}]}\n\n'
BOMB = gzip.compress(bytes(1 << 26))
CALLS = 1000
PREFILL = "the local model"
LONG = "The lake freezes in January. " * 1000  # it takes the model longer than 2 s to read

Case = Callable[[socket.socket], None]


def hangs(_: socket.socket) -> None:
    time.sleep(60)


def headers_only(client: socket.socket) -> None:
    client.sendall(HEAD)
    time.sleep(60)


def drips(client: socket.socket) -> None:
    client.sendall(HEAD)
    for byte in PIECE * 1000:
        client.sendall(bytes([byte]))
        time.sleep(0.05)


def stalls(client: socket.socket) -> None:
    client.sendall(HEAD + PIECE)
    time.sleep(60)


def endless_line(client: socket.socket) -> None:
    client.sendall(HEAD + b"data: ")
    while True:
        client.sendall(b"x" * 1000)
        time.sleep(0.005)


def gzip_bomb(client: socket.socket) -> None:
    client.sendall(HEAD.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n") + BOMB)
    time.sleep(60)


SERVED: dict[str, Case] = {
    "accepts and hangs": hangs,
    "headers only": headers_only,
    "drip": drips,
    "stall": stalls,
    "endless line": endless_line,
    "gzip bomb": gzip_bomb,
}


@contextlib.contextmanager
def served(case: Case) -> Iterator[str]:
    """The address of a server on loopback that treats every request like that."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer(client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            client.recv(1 << 16)
            case(client)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                threading.Thread(target=answer, args=(client,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    listener.close()


@contextlib.contextmanager
def refused() -> Iterator[str]:
    """A port that nobody listens at."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}/v1"


@contextlib.contextmanager
def black_hole() -> Iterator[str]:
    """A port whose queue is full, so that the system drops what comes."""
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        time.sleep(0.1)
        yield f"http://127.0.0.1:{full.getsockname()[1]}/v1"


@contextlib.contextmanager
def no_such_host() -> Iterator[str]:
    yield "http://nobody.invalid/v1"


@contextlib.contextmanager
def prefill() -> Iterator[str]:
    yield PREFILL


CASES: dict[str, Callable[[], contextlib.AbstractContextManager[str]]] = {
    "refused": refused,
    "black hole": black_hole,
    **{name: partial(served, case) for name, case in SERVED.items()},
    "DNS failure": no_such_host,
    "local prefill": prefill,
}


def config(base_url: str, deadline_s: float) -> Config:
    """Of a server at that address, or of the local model."""
    if base_url == PREFILL:
        local = ExpertConfig("llama_cpp", "smollm2-135m", "135m", context_tokens=8192, n_threads=1)
        return Config(experts={"local": local}, deadline_s=deadline_s)
    cloud = ExpertConfig("openai", "big", "frontier", location="cloud", base_url=base_url)
    return Config(experts={"cloud": cloud}, deadline_s=deadline_s)


def warm(router: EdgeRouter, base_url: str) -> None:
    """Load the encoder, and the local model where it is asked."""
    router.router.route("Hi")
    if base_url == PREFILL:
        with contextlib.suppress(EdgeRouterError):
            router.complete("Hi")


def sync_overrun_ms(base_url: str, deadline_s: float) -> float:
    with EdgeRouter(config(base_url, deadline_s)) as router:
        warm(router, base_url)
        started = time.perf_counter()
        with contextlib.suppress(EdgeRouterError):
            router.complete(LONG if base_url == PREFILL else "Why?")
        return 1e3 * (time.perf_counter() - started - deadline_s)


async def async_overrun_ms(base_url: str, deadline_s: float) -> float:
    async with AsyncEdgeRouter(config(base_url, deadline_s)) as router:
        warm(router.sync, base_url)
        started = time.perf_counter()
        with contextlib.suppress(EdgeRouterError):
            await router.complete(LONG if base_url == PREFILL else "Why?")
        return 1e3 * (time.perf_counter() - started - deadline_s)


def open_breaker_ms() -> dict[str, float]:
    """What a call on an open breaker takes."""
    breaker = Breaker(FakeBackend(error=BackendUnavailable("down")), name="cloud")
    request, took = ChatRequest.of("Why?"), []
    for number in range(FAILURES_IN_A_ROW + CALLS):
        started = time.perf_counter()
        with contextlib.suppress(BackendUnavailable):
            breaker.complete(request, deadline=Deadline.after(10))
        if number >= FAILURES_IN_A_ROW:
            took.append(1e3 * (time.perf_counter() - started))
    took.sort()
    return {
        "p50": round(took[CALLS // 2], 4),
        "p99": round(took[int(0.99 * CALLS)], 4),
        "max": round(took[-1], 4),
        "over_1_ms": sum(one > 1 for one in took),
    }


def main() -> None:
    deadline_s = float(sys.argv[1]) if sys.argv[1:] else 2.0
    table = {}
    for name in sys.argv[2:] or CASES:
        with CASES[name]() as base_url:
            table[name] = {
                "sync": round(sync_overrun_ms(base_url, deadline_s), 1),
                "async": round(asyncio.run(async_overrun_ms(base_url, deadline_s)), 1),
            }
        sys.stderr.write(f"{name}: {table[name]}\n")
    result = {"beyond_deadline_ms": table, "open_breaker_ms": open_breaker_ms()}
    sys.stdout.write(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
