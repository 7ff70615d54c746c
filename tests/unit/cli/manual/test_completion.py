"""Completion scripts and the manual page, made from the parsers and read by their programs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from command_line import run

BASH = """
source {script}
COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}}-1))
_edge_router
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def needs(program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The script for bash, in a file."""
    from edge_router.cli.commands.machine.manual import _all_commands
    from edge_router.cli.main import program_parser
    from edge_router.cli.manual.completion import SHELLS

    path = tmp_path_factory.mktemp("bash") / "edge-router"
    path.write_text(SHELLS["bash"](_all_commands(program_parser())))
    return path


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("edge-router do", ["doctor"]),
        ("edge-router agents r", ["remove", "route"]),
        ("edge-router ask --pla", ["--placement"]),
        ("edge-router ask what --cont", ["--continue"]),
        ("edge-router completion ", ["bash", "fish", "zsh"]),
        ("edge-router bench lat", ["latency"]),
        ("edge-router bench latency --format c", ["csv"]),
        ("edge-router config e", ["edit"]),
        ("edge-router ask --system ", [""]),
    ],
)
def test_bash_completes_what_was_typed(script: Path, typed: str, offered: list[str]) -> None:
    """Commands, actions, options and choices; the value of an option is nobody's to guess."""
    needs("bash")
    words = typed + ("''" if typed.endswith(" ") else "")
    text = BASH.format(script=script, words=words)
    done = subprocess.run(["bash", "-c", text], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert sorted(set(done.stdout.splitlines()) - {"--help", "-h"}) == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_reads_its_script(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, shell: str
) -> None:
    """Without an error, as far as that shell is installed."""
    code, out, _ = run(capsys, "completion", shell)
    assert code == 0
    assert "--placement" in out or "-l placement" in out
    needs(shell)
    (tmp_path / "script").write_text(out)
    check = [shell, "-n", str(tmp_path / "script")]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_manual_page_is_sound(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """groff warns of nothing in it, and every option is there."""
    code, out, _ = run(capsys, "man")
    assert code == 0
    assert r"\fB\-\-placement\fR" in out
    assert out.startswith(".TH EDGE-ROUTER 1")
    needs("groff")
    page = tmp_path / "edge-router.1"
    page.write_text(out)
    command = ["groff", "-man", "-Tutf8", "-ww", "-z", str(page)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
