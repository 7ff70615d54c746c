"""Time from the cancellation of a streamed answer to the end of the work on it."""

from __future__ import annotations

import argparse
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Self

from edge_router.backends.llama_cpp.backend import LlamaCppBackend
from edge_router.client.answer import AnswerStream
from edge_router.client.sync_client import EdgeRouter
from edge_router.errors import EdgeRouterError
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.settings.config import Config
from edge_router.settings.constraints import Placement
from edge_router.settings.expert_config import ExpertConfig

from ..measuring.llama import local_config, question, request_for
from ..measuring.recorder import Recorder
from ..measuring.stages import named
from ..rows.row import Cell, Row

__all__ = ["CancelSuite"]

MOMENTS = {"before the first token": 0, "after three tokens": 3}
LONGEST_S = 30.0
PROMPT_TOKENS = 1200  # takes about a second to read, so that there is a time before the first token
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


class CancelSuite:
    """Time from `close()` to a free worker (local), or to the server seeing the client gone."""

    name = "cancel"
    summary = "from close() of a stream to a free worker, before and after the first token"

    def options(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--model", default="smollm2-135m", help="a GGUF file")
        parser.add_argument("--slm-threads", type=int, default=1, help="of llama.cpp")

    def run(self, options: argparse.Namespace) -> Iterator[Row]:
        artifact = named(RouterArtifact.load(options.artifact))
        for expert, cancels in (("llama_cpp", _local), ("openai", _remote)):
            for moment, tokens in MOMENTS.items():
                cell = Cell("cancel", moment, settings={"expert": expert})
                recorder = Recorder.start(artifact)
                try:
                    samples = list(cancels(options, tokens))
                except EdgeRouterError as error:
                    yield recorder.failure(cell, error)
                    continue
                yield from recorder.rows({cell: samples}, warm_up=0, judged=False)


def _local(options: argparse.Namespace, tokens: int) -> Iterator[float]:
    config = local_config(options.model, options.slm_threads, options.artifact)
    backend = LlamaCppBackend(options.model, n_threads=options.slm_threads)
    with EdgeRouter(config, backends={"local": backend}) as router:
        router.complete(request_for([{"role": "user", "content": "Hello"}], max_tokens=1))
        for number in range(options.repetitions):
            with _reading(router, number, tokens) as reader:
                _wait_until(lambda: backend.busy)
                time.sleep(0.05 if tokens == 0 else 0.0)
                started = time.perf_counter()
                reader.stream.close()
                _wait_until(lambda: not backend.busy)
                yield time.perf_counter() - started


def _remote(options: argparse.Namespace, tokens: int) -> Iterator[float]:
    with closing(_Server()) as server:
        expert = ExpertConfig("openai", "m", "frontier", location="cloud", base_url=server.url)
        config = Config(
            artifact=options.artifact, experts={"cloud": expert}, placement=Placement.ONLY_IN_CLOUD
        )
        with EdgeRouter(config) as router:
            for number in range(options.repetitions):
                server.asked.clear()
                server.gone.clear()
                with _reading(router, number, tokens) as reader:
                    server.asked.wait(LONGEST_S)
                    started = time.perf_counter()
                    reader.stream.close()
                    server.gone.wait(LONGEST_S)
                    yield time.perf_counter() - started


@dataclass(slots=True)
class _Reader:
    """A thread in the middle of a stream, as an app has one beside its own."""

    stream: AnswerStream
    tokens: int
    begun: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread = field(init=False)

    def __enter__(self) -> Self:
        self.thread = threading.Thread(target=self._read)
        self.thread.start()
        if self.tokens:
            self.begun.wait(LONGEST_S)
        return self

    def __exit__(self, *_: object) -> None:
        self.thread.join(LONGEST_S)

    def _read(self) -> None:
        with suppress(EdgeRouterError):
            for number, _ in enumerate(self.stream, 1):
                if number == self.tokens:
                    self.begun.set()


def _reading(router: EdgeRouter, number: int, tokens: int) -> _Reader:
    text = question(PROMPT_TOKENS if tokens == 0 else 32, number)
    request = request_for([{"role": "user", "content": text}], max_tokens=800)
    return _Reader(router.stream(request), tokens)


def _wait_until(holds: Callable[[], bool]) -> None:
    until = time.perf_counter() + LONGEST_S
    while not holds() and time.perf_counter() < until:
        time.sleep(0.0002)


class _Server:
    """Streams a token every 20 ms, the first one after a second, until its client is gone."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/v1"
        self.asked, self.gone = threading.Event(), threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                self._serve(self._listener.accept()[0])

    def _serve(self, peer: socket.socket) -> None:
        with peer, suppress(OSError):
            peer.recv(1 << 20)
            peer.sendall(HEAD)
            self.asked.set()
            peer.settimeout(1.0)
            while not self._is_gone(peer):
                choice = {"index": 0, "delta": {"content": "word "}, "finish_reason": None}
                peer.sendall(f"data: {json.dumps({'choices': [choice]})}\n\n".encode())
                peer.settimeout(0.02)
        self.gone.set()

    def _is_gone(self, peer: socket.socket) -> bool:
        try:
            return peer.recv(1) == b""
        except TimeoutError:
            return False
