"""Setting the emulation up: what it needs, what it asks for, and how it fails without a network."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from edge_router.benchmarks.arm.errors import DownloadFailed, GuestFailed, HostUnsuitable
from edge_router.benchmarks.arm.host.debian import KEYRING, Packages, configured, debian_archive
from edge_router.benchmarks.arm.host.emulation import Emulation
from edge_router.benchmarks.arm.host.machines import MACHINES
from edge_router.benchmarks.arm.host.tools import check_host, last_words, run_tool
from edge_router.benchmarks.arm.host.wheels import arm_folder, runtime_versions, unpack_for_arm

needs_apt = pytest.mark.skipif(
    shutil.which("apt-get") is None or not KEYRING.exists(), reason="no apt with Debian's keys"
)


@pytest.mark.parametrize(("system", "machine"), [("darwin", "arm64"), ("linux", "aarch64")])
def test_only_linux_on_x86_emulates(system: str, machine: str) -> None:
    """A board gets the advice to measure itself."""
    with pytest.raises(HostUnsuitable, match=f"{system} {machine}.*other suites"):
        check_host(system, machine)


def test_a_missing_tool_is_named_with_its_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is on an empty PATH."""
    monkeypatch.setenv("PATH", "")
    with pytest.raises(HostUnsuitable, match="cc is not installed; apt-get install gcc"):
        check_host("linux", "x86_64", tools=["cc"])


def test_a_failing_tool_is_quoted() -> None:
    """The last lines of its standard error, and the fix."""
    command = [sys.executable, "-c", "raise SystemExit('no room')"]
    with pytest.raises(DownloadFailed, match=r"failed \(no room\); make room"):
        run_tool(command, DownloadFailed, "make room")
    with pytest.raises(GuestFailed, match=r"no-such-tool cannot be started .*; install it"):
        run_tool(["no-such-tool"], GuestFailed, "install it")
    with pytest.raises(GuestFailed, match="took longer than 0 s"):
        run_tool([sys.executable, "-c", "input()"], GuestFailed, "wait", timeout_s=0.01)


def test_last_words_leave_out_blank_lines() -> None:
    """The end is what explains a failure."""
    assert last_words("a\nb\n\nc\nd\n\n") == "b | c | d"
    assert last_words("\n") == "it said nothing"


def test_the_mirror_is_that_of_debians_archive() -> None:
    """Neither the security archive nor a third party."""
    sources = ["https://packages.example/apt", "http://mirror.example/debian-security/"]
    assert debian_archive(sources) is None
    assert debian_archive([*sources, "http://mirror.example/debian/"]) == (
        "http://mirror.example/debian/"
    )


@needs_apt
def test_apt_gets_a_state_folder_of_its_own(tmp_path: Path) -> None:
    """The system's lists, status and hooks are not touched."""
    file = configured(tmp_path, "arm64", "http://mirror.example/debian")
    text = file.read_text()
    assert f'Dir::State "{tmp_path}/state";' in text
    assert 'APT::Architectures { "arm64"; };' in text
    assert (tmp_path / "state" / "status").read_text() == ""
    assert (
        (tmp_path / "sources.list")
        .read_text()
        .endswith("http://mirror.example/debian bookworm main\n")
    )


@needs_apt
def test_without_a_network_debians_packages_fail_and_leave_no_half(tmp_path: Path) -> None:
    """The next run starts from what is there, and this one says what to do."""
    packages = Packages(("hello",), "arm64")
    with pytest.raises(DownloadFailed, match="go online and run it again"):
        packages.unpack(tmp_path, "http://127.0.0.1:9/debian")
    assert not packages.folder(tmp_path).exists()


def test_without_a_network_wheels_fail_and_leave_no_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pip finds nothing where it may not look."""
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    versions = {"onnxruntime": "1.32.0"}
    with pytest.raises(DownloadFailed, match="go online"):
        unpack_for_arm(tmp_path, versions)
    assert not arm_folder(tmp_path, versions).exists()


def test_an_empty_cache_is_not_complete(tmp_path: Path) -> None:
    """And asking does not fill it."""
    assert not Emulation(tmp_path / "cache").complete
    assert not (tmp_path / "cache").exists()


def test_wheels_are_kept_by_version() -> None:
    """An upgrade on the host brings the new wheels for ARM."""
    versions = runtime_versions()
    assert set(versions) == {"numpy", "onnxruntime", "tokenizers"}
    assert arm_folder(Path("c"), {"numpy": "2.4.6"}) == Path("c/aarch64-numpy-2.4.6")


def test_x86_machines_run_this_python_and_boards_their_own(tmp_path: Path) -> None:
    """Only a board has a root folder and wheels of its own; counting is asked for by a file."""
    emulation = Emulation(tmp_path)
    haswell = emulation.guest(MACHINES["haswell"])
    assert haswell.command[-3:] == ("-cpu", "Haswell", sys.executable)
    assert haswell.packages == ()
    board = emulation.guest(MACHINES["cortex-a72"], counts=tmp_path / "counts")
    assert board.command[-1].endswith("libgomp1/usr/bin/python3.11")
    assert board.packages == (arm_folder(tmp_path, runtime_versions()),)
    assert "-plugin" in board.command
    root = Path(board.command[board.command.index("-L") + 1])
    assert "0xd08" in (root / "proc" / "cpuinfo").read_text()
