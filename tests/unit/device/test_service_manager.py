"""systemd's unit, and the words that a service sends while it runs."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from command_line import TWO_EXPERTS, run
from edge_router.device.service_manager import ServiceManager, user_unit
from edge_router.routing.artifact.manifest import bundled_artifacts

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="systemd is Linux's")


def test_a_service_says_how_it_is(tmp_path: Path) -> None:
    """Ready, alive twice in each span, stopping; by the socket that systemd names."""
    now = [100.0]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(5)
        service = ServiceManager(str(tmp_path / "notify"), 10.0, clock=lambda: now[0])
        service.ready()
        for second in range(11):
            now[0] = 100.0 + second
            service.alive()
        service.stopping()
        said = [systemd.recv(100).decode() for _ in range(5)]
    assert said == ["READY=1", *["WATCHDOG=1"] * 3, "STOPPING=1"]


@pytest.mark.parametrize(
    ("variables", "watchdog_s"),
    [
        ({}, 0.0),
        ({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "60000000"}, 60.0),
        ({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, 0.0),
        ({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "soon"}, 0.0),
    ],
)
def test_what_systemd_wants_is_in_variables(
    variables: dict[str, str], watchdog_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A watchdog of another process is not ours; a socket that has gone is no failure."""
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    service = ServiceManager.of_environment()
    assert service.watchdog_s == watchdog_s
    service.ready()
    service.alive()


def test_words_of_a_command_are_not_read_as_more() -> None:
    """Blanks, quotes, systemd's % and $."""
    unit = user_unit(["/a b/python", "--x=$HOME", "50%", 'say "hi"', ""], description="D", stop_s=9)
    assert 'ExecStart="/a b/python" --x=$$HOME 50%% "say \\"hi\\"" ""\n' in unit


def test_the_unit_serves_with_the_options_that_were_given(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The settings file by its whole path; systemd finds no fault in it."""
    monkeypatch.chdir(tmp_path)
    Path("my config.toml").write_text("[router]\ndeadline_s = 30\n")
    options = ("--config", "my config.toml", "--port", "11500", "--allow-host", "pi.local")
    code, out, err = run(capsys, "serve", "--print-systemd", "--offline", *options)
    assert code == 0, err
    command = (
        f'-m edge_router.cli serve --config "{tmp_path}/my config.toml" --offline --port 11500'
    )
    assert f"{command} --allow-host pi.local\n" in out
    assert "TimeoutStopSec=36\n" in out
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    (tmp_path / "edge-router.service").write_text(out)
    done = subprocess.run(
        ["systemd-analyze", "--user", "verify", str(tmp_path / "edge-router.service")],
        capture_output=True, text=True, check=False,
        env=os.environ | {"XDG_RUNTIME_DIR": str(tmp_path)},
    )  # fmt: skip
    assert (done.returncode, "edge-router.service" in done.stderr) == (0, False), done.stderr


def test_the_unit_names_the_whole_path_of_the_states(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service begins in another folder."""
    monkeypatch.chdir(tmp_path)
    Path("states.toml").write_text("[states.WRITING]\n")
    Path("config.toml").write_text(TWO_EXPERTS)
    options = ("--config", "config.toml", "--agent-states", "states.toml", "--agent-expert")
    code, out, err = run(capsys, "serve", "--print-systemd", "--agents", *options, "local")
    assert code == 0, err
    assert f" --agents --agent-states {tmp_path}/states.toml --agent-expert local\n" in out


def test_a_unit_names_an_artifact_by_its_whole_path_or_as_it_is_shipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder is looked for where the service begins, a shipped router's name is not a folder."""
    monkeypatch.chdir(tmp_path)
    Path("mine").symlink_to(bundled_artifacts()["router-small"])
    for stated, named in (("./mine", f"{tmp_path}/mine"), ("router-small", "router-small")):
        code, out, err = run(capsys, "serve", "--print-systemd", "--artifact", stated)
        assert code == 0, err
        assert f" --artifact {named}\n" in out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--port", "0"], "another port at each start"),
        (["--config", "nowhere.toml"], "nowhere"),
        (["--agent-fit"], "--agent-fit needs --agents"),
        (["--agents", "--agent-expert", "moon"], "--agent-expert: no expert is called 'moon'"),
        (["--agents", "--agent-states", "nowhere.toml"], "nowhere.toml"),
        (["--agents", "--agent-states", __file__], "is not TOML"),
    ],
)
def test_a_unit_that_could_not_serve_is_not_printed(
    options: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Told now, not by systemd at the next boot."""
    code, out, err = run(capsys, "serve", "--print-systemd", *options)
    assert (code, out) == (2, "")
    assert words in err
