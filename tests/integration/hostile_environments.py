"""Twenty environments that systems really have, and the commands that must live in each."""

from __future__ import annotations

import ctypes
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["COMMANDS", "Ended", "Environment", "environments", "run"]

COMMANDS = {
    "ask": ["ask", "Say hi \U0001f44d", "--max-tokens", "2"],
    "chat": ["chat", "--max-tokens", "2"],
    "route": ["route", "What is rain?"],
    "explain": ["route", "--explain", "\u4f60\u597d"],
    "batch": ["route", "--json", "--batch", "{folder}/batch.jsonl"],
    "calibrate": [
        "calibrate", "--weak=135m", "--strong=frontier", "--target=strong_calls<=0.9",
        "--outcomes={folder}/rows.jsonl",
    ],
    "enroll": ["enroll", "mine", "--profile", "1b"],
    "feedback": ["feedback", "last", "1"],
    "log show": ["log", "show"],
    "log clear": ["log", "clear"],
    "drift": ["drift", "{folder}/batch.jsonl"],
    "device show": ["device", "show"],
    "doctor": ["doctor"],
    "models": ["models"],
    "bench help": ["bench", "--help"],
    "export help": ["export", "--help"],
    "wrong usage": ["ask", "hi", "--max-tokens", "x"],
}  # fmt: skip
SILENT = ("chat", "log show")  # may rightly have nothing to say
LIMIT_S = 60.0
LIBC = ctypes.CDLL(None)
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 24, 1, 2


@dataclass(frozen=True, slots=True)
class Environment:
    """What differs from a usual process: variables (None takes one away), streams that are closed,
    the file standard output goes to, the folder, and what the child does before it starts."""

    name: str
    variables: Mapping[str, str | None] = field(default_factory=dict)
    closed: tuple[int, ...] = ()
    output: str | None = None
    folder: str | None = None
    before: Callable[[], None] | None = None
    mute: bool = False  # what it says cannot be seen


@dataclass(frozen=True, slots=True)
class Ended:
    """How one process ended."""

    environment: Environment
    command: str
    code: int
    out: bytes
    err: bytes

    @property
    def fault(self) -> str | None:
        """What is wrong with that, None where nothing is."""
        said = self.out + self.err
        for mark in (b"Traceback", b"Exception ignored", b"unexpected "):
            if mark in said:
                return f"says {mark.decode()}"
        if self.code not in (0, 1, 2):
            return f"exit code {self.code}"
        if self.environment.mute:
            return None
        if self.code and len(self._lines()) > 1 and self.command != "doctor":
            return "an error of several lines"
        if not said.strip() and self.command not in SILENT:
            return "says nothing"
        return None

    def _lines(self) -> list[bytes]:
        lines = [line for line in self.err.splitlines() if b"edge-router" in line]
        return [line for line in lines if not line.startswith(b"libgomp")]

    @property
    def row(self) -> str:
        """For the table of those that failed."""
        last = (self.err or self.out).decode(errors="replace").strip()[-160:]
        return f"{self.environment.name:<24}{self.command:<14}{self.fault}: {last!r}"


def environments(folder: Path) -> list[Environment]:
    """All of them; what they need is made in `folder`."""
    (folder / "a-file").write_text("")
    os.mkfifo(folder / "pipe")
    settings = folder.joinpath("settings.toml").read_bytes()
    bom = folder / "bom.toml"
    bom.write_bytes(b"\xef\xbb\xbf" + settings.replace(b"\n", b"\r\n"))
    utf16 = folder / "utf16.toml"
    utf16.write_bytes(settings.decode().encode("utf-16"))
    windows = folder / "windows.toml"
    windows.write_text('[router]\ndata_dir = "C:\\models\\new"\n')
    locked, kept = folder / "locked", folder / "kept"
    locked.mkdir(0o000)
    kept.mkdir(0o555)
    nowhere = dict.fromkeys(("XDG_CONFIG_HOME", "XDG_DATA_HOME", "EDGE_ROUTER_CONFIG"))
    strict = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    return [
        Environment("no home", nowhere | {"HOME": ""}),
        Environment("home is nowhere", nowhere | {"HOME": "/proc/nowhere"}),
        Environment("folders of nobody", dict.fromkeys(nowhere, "~nobody-at-all/x")),
        Environment("folders are files", _xdg(str(folder / "a-file"))),
        Environment("folders are relative", _xdg("here")),
        Environment("settings are endless", {"EDGE_ROUTER_CONFIG": "/dev/zero"}),
        Environment("settings are a pipe", {"EDGE_ROUTER_CONFIG": str(folder / "pipe")}),
        Environment("settings with a mark", {"EDGE_ROUTER_CONFIG": str(bom)}),
        Environment("settings in UTF-16", {"EDGE_ROUTER_CONFIG": str(utf16)}),
        Environment("settings of Windows", {"EDGE_ROUTER_CONFIG": str(windows)}),
        Environment("a cluster's variables", PLATFORM),
        Environment("ASCII", strict | {"LC_ALL": "C", "PYTHONIOENCODING": None}),
        Environment("cp1252", strict | {"PYTHONIOENCODING": "cp1252"}),
        Environment("no standard output", closed=(1,)),
        Environment("no standard error", closed=(2,), mute=True),
        Environment("no streams at all", closed=(0, 1, 2), mute=True),
        Environment("output is full", output="/dev/full"),
        Environment("folder was removed", before=_without_folder),
        Environment("few files", before=lambda: _limit(resource.RLIMIT_NOFILE, 24)),
        Environment("full disk", before=lambda: _limit(resource.RLIMIT_FSIZE, 0), mute=True),
        Environment("warnings are errors", {"PYTHONWARNINGS": "error", "PYTHONOPTIMIZE": "2"}),
        Environment("odd values", ODD | {"TMPDIR": str(folder / "gone")}),
        Environment("home is locked", nowhere | {"HOME": str(locked)}, before=_without_powers),
        Environment("home is read-only", nowhere | {"HOME": str(kept)}, before=_without_powers),
    ]


PLATFORM = {
    "EDGE_ROUTER_SERVICE_HOST": "10.0.0.1",
    "EDGE_ROUTER_SERVICE_PORT": "80",
    "EDGE_ROUTER_SERVICE_PORT_HTTP": "80",
    "EDGE_ROUTER_PORT": "tcp://10.0.0.1:80",
    "EDGE_ROUTER_PORT_80_TCP": "tcp://10.0.0.1:80",
    "EDGE_ROUTER_PORT_80_TCP_ADDR": "10.0.0.1",
    "EDGE_ROUTER_NAME": "/web/edge-router",
    "EDGE_ROUTER_ENV_PATH": "/usr/bin",
}
ODD = {
    "COLUMNS": "abc", "LINES": "-1", "TERM": "no-such-terminal", "TZ": "Mars/Olympus", "LANG": "xx",
    "OMP_NUM_THREADS": "abc", "http_proxy": "nonsense", "HTTPS_PROXY": "::::", "NO_COLOR": "",
    "SSL_CERT_FILE": "/no/such.pem", "PYTHONHASHSEED": "0", "EDGE_ROUTER_OFFLINE": "no",
}  # fmt: skip


def _xdg(value: str) -> dict[str, str | None]:
    return {"XDG_CONFIG_HOME": value, "XDG_DATA_HOME": value, "XDG_CACHE_HOME": value}


def _limit(what: int, value: int) -> None:
    resource.setrlimit(what, (value, value))


def _without_folder() -> None:
    os.mkdir("gone")  # noqa: PTH102 - the child's own folder
    os.chdir("gone")
    os.rmdir("../gone")  # noqa: PTH106


def _without_powers() -> None:
    """Drop root's powers, so that the modes of files apply."""
    for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
        LIBC.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)


def run(environment: Environment, command: str, folder: Path, work: Path) -> Ended:
    """One command in one environment, in the folder `work` of its own."""
    variables: dict[str, Any] = {
        "EDGE_ROUTER_CONFIG": str(folder / "settings.toml"),
        "XDG_CONFIG_HOME": str(work / "config"),
        "XDG_DATA_HOME": str(work / "data"),
        "PYTHONDONTWRITEBYTECODE": None,
        "PYTHONPYCACHEPREFIX": str(folder / "compiled"),  # else each process compiles everything
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    result = {**os.environ, **variables, **environment.variables}
    words = [word.format(folder=folder) for word in COMMANDS[command]]

    def before() -> None:
        if environment.before is not None:
            environment.before()
        for number in environment.closed:
            os.close(number)

    with open(environment.output or os.devnull, "wb") as output:  # noqa: PTH123
        ended = subprocess.run(
            [sys.executable, "-m", "edge_router.cli", *words],
            env={name: value for name, value in result.items() if value is not None},
            input=b"hello\n\xff\nagain\n",
            stdout=output if environment.output else subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=work,
            preexec_fn=before,
            timeout=LIMIT_S,
            check=False,
        )
    return Ended(environment, command, ended.returncode, ended.stdout or b"", ended.stderr)


def write_inputs(folder: Path, server_url: str) -> None:
    """The settings, a batch and outcome rows that the commands read."""
    expert = f'backend = "openai"\nmodel = "m"\nbase_url = "{server_url}"\ncontext_tokens = 2048\n'
    folder.joinpath("settings.toml").write_text(
        f'[experts.local]\nprofile = "135m"\n{expert}'
        f'[experts.cloud]\nprofile = "frontier"\nlocation = "cloud"\n{expert}'
    )
    batch = [json.dumps({"query": f"What is {n} plus {n}?"}).encode() for n in range(60)]
    folder.joinpath("batch.jsonl").write_bytes(b"\n".join([*batch, b'{"query": "caf\xe9"}']))
    rows = ({"query": f"What is {n}?", "score": {"135m": n % 2, "frontier": 1}} for n in range(40))
    folder.joinpath("rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
