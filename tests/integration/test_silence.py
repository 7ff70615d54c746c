"""Nothing goes out and nothing is left behind: watched from outside, by the kernel."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HUNDRED_DECISIONS = """
from edge_router import Router
router = Router.bundled()
for number in range(100):
    router.route(f"What is {number} + {number}?")
print("decided")
"""


def environment(home: Path) -> dict[str, str]:
    """A user's own: no CI variable (onnxruntime keeps quiet where it sees one), an empty home."""
    kept = {k: v for k, v in os.environ.items() if k not in ("CI", "GITHUB_ACTIONS", "BUILD_ID")}
    return kept | {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")}


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_import_and_a_hundred_decisions_open_no_socket_and_write_no_file(tmp_path: Path) -> None:
    """strace over every thread and child: no AF_INET, no AF_INET6, nothing opened for writing."""
    log = tmp_path / "trace"
    command = [
        "strace", "-f", "-o", str(log), "-e", "trace=socket,connect,openat,open,creat,mkdir,rename",
        sys.executable, "-B", "-c", HUNDRED_DECISIONS,
    ]  # fmt: skip
    found = subprocess.run(
        command, env=environment(tmp_path / "home"), capture_output=True, text=True, check=False
    )
    if "Operation not permitted" in found.stderr:
        pytest.skip("this machine forbids strace")
    assert found.stdout == "decided\n", found.stderr
    calls = log.read_text()
    assert "openat" in calls
    assert not re.findall(r".*AF_INET.*", calls)
    written = re.findall(r'open(?:at)?\(.*"([^"]+)".*O_(?:WRONLY|RDWR|CREAT).*', calls)
    assert [path for path in written if not path.startswith(("/dev/", "/proc/"))] == []
    assert not re.findall(r"(?:mkdir|rename|creat)\(.*= 0", calls)


def no_interfaces() -> list[str]:
    """A command prefix for a network namespace without interfaces; skips where it is forbidden."""
    prefix = ["unshare", "-rn"]
    if shutil.which("unshare") is None or subprocess.run([*prefix, "true"], check=False).returncode:
        pytest.skip("this machine forbids network namespaces")
    return prefix


def test_route_works_without_any_network(tmp_path: Path) -> None:
    """In a network namespace that has no interface, not even a loopback."""
    command = [sys.executable, "-m", "edge_router.cli", "route", "--json", "--profiles", "Hello"]
    found = subprocess.run(
        [*no_interfaces(), *command],
        env=environment(tmp_path), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "frontier" in found.stdout


def test_ask_works_without_any_network(tmp_path: Path) -> None:
    """SmolLM2 answers, and the line says that nobody else could have."""
    pytest.importorskip("llama_cpp", reason="the extra `local` is not installed")
    command = [sys.executable, "-m", "edge_router.cli", "ask", "What is the capital of France?"]
    found = subprocess.run(
        [*no_interfaces(), *command],
        env=environment(tmp_path), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "Paris" in found.stdout
    assert "local answered" in found.stderr
