"""Try to load a model file in a process of its own, before it is loaded in this one.

llama.cpp aborts on some files, which would end the whole application. The verdict is kept in
the data folder where that can be written, under the hash of the file's header.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path

from edge_router.errors import BackendUnavailable
from edge_router.guards.data_folder import default_data_folder, write_atomically

from .engine import ENGINES, Engine, EngineName
from .gguf import fingerprint, read_header

__all__ = [
    "DEADLY", "can_try", "dump_no_core", "load_once", "patience_s", "require_loadable",
    "scratch_folder",
]  # fmt: skip

FINE = "loads"
REFUSED = 10  # the exit status of a child in which llama.cpp said no and went on
LIMIT_S = 60.0
BYTES_PER_S = 20e6  # of the slowest disk that is waited for
MAX_KEPT = 200
DEADLY = {"SIGABRT", "SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGSYS"}
CODE = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from {} import load_once
load_once(sys.argv[2], sys.argv[3])
"""

log = logging.getLogger("edge_router.llama_cpp")

_VERDICTS: dict[str, str] = {}


def require_loadable(path: Path, engine: Engine, wanted: Callable[[], bool]) -> None:
    """Raise BackendUnavailable for a file that ends the process which loads it.

    It is tried once, as long as it is `wanted`. Where no child can be started, the check of its
    header is all there is.
    """
    name = f"{fingerprint(path, read_header(path))}-{engine.module} {_version(engine)}"
    verdict = _VERDICTS.get(name) or _kept().get(name)
    if verdict is None and can_try():
        verdict = _try_out(path, engine, wanted)
        if verdict is not None:
            _keep(name, verdict)
    if verdict is None:
        return
    _VERDICTS[name] = verdict
    if verdict != FINE:
        raise BackendUnavailable(
            f"{path.name} cannot be loaded: llama.cpp ends the whole process with {verdict}, as a "
            "trial in another one showed; take another file of this model"
        )


def can_try() -> bool:
    """Whether `sys.executable` is a Python: in a frozen or embedding application it is that
    application, which would start itself again."""
    name = Path(sys.executable or "").name.lower()
    return not getattr(sys, "frozen", False) and name.startswith(("python", "pypy"))


def load_once(path: str, engine: EngineName) -> None:
    """What the child does: load, read two tokens, leave."""
    dump_no_core()
    try:
        ENGINES[engine].try_to_load(path)
    except Exception:  # noqa: BLE001 - it is refused here as it will be there, which is harmless
        os._exit(REFUSED)
    os._exit(0)


def dump_no_core() -> None:
    """Let this process leave no file of its memory when it crashes."""
    with suppress(ImportError, OSError, ValueError):
        import resource  # there is none on Windows

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def patience_s(path: Path) -> float:
    """How long the file may take to load."""
    return LIMIT_S + path.stat().st_size / BYTES_PER_S


def _try_out(path: Path, engine: Engine, wanted: Callable[[], bool]) -> str | None:
    """FINE, or the signal that ended the child; None if the trial shows nothing of the file."""
    folders = [entry or str(Path.cwd()) for entry in sys.path]
    code = [CODE.format(__name__), json.dumps(folders), str(path), engine.name]
    command = [sys.executable, "-I", "-c", *code]
    until = time.monotonic() + patience_s(path)
    with scratch_folder() as scratch:
        return _ended(command, path, until, wanted, {**os.environ, **scratch})


@contextmanager
def scratch_folder() -> Iterator[Mapping[str, str]]:
    """The variable that names a child's temporary folder, whose files it may not live to remove;
    nothing where none can be made."""
    try:
        folder = tempfile.TemporaryDirectory(prefix="edge-router-", ignore_cleanup_errors=True)
    except OSError:
        yield {}
        return
    with folder as name:
        yield {"TMPDIR": name}


def _ended(
    command: list[str],
    path: Path,
    until: float,
    wanted: Callable[[], bool],
    environment: Mapping[str, str],
) -> str | None:
    """The verdict on how the child ended, which is ended at `until`."""
    try:
        child = subprocess.Popen(  # noqa: S603 - this Python, and our own code
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**environment, "GGML_NO_BACKTRACE": "1"},
        )
    except (OSError, ValueError) as error:
        log.info("%s is loaded without a trial: %s", path.name, type(error).__name__)
        return None
    try:
        while True:
            with suppress(subprocess.TimeoutExpired):
                return _verdict(child.wait(timeout=0.05))
            if not wanted():
                raise BackendUnavailable(f"{path.name} is closed")
            if time.monotonic() > until:
                raise BackendUnavailable(f"{path.name} does not load in reasonable time")
    finally:
        child.kill()
        child.wait()


def _verdict(status: int) -> str | None:
    if status in (0, REFUSED):
        return FINE
    if status >= 0:  # of Windows, where an abort has no signal
        crashed = os.name == "nt" and (status == 3 or status & 0xC0000000 == 0xC0000000)
        return f"status {status:#x}" if crashed else None
    try:
        name = signal.Signals(-status).name
    except ValueError:
        return None
    return name if name in DEADLY else None


def _version(engine: Engine) -> str:
    try:
        return metadata.version(engine.package)
    except metadata.PackageNotFoundError:
        return "unknown"


def _file() -> Path:
    return default_data_folder() / "tried_models.json"


def _kept() -> dict[str, str]:
    """Verdicts of earlier processes; none if their file is damaged."""
    with suppress(OSError, ValueError, RuntimeError, RecursionError):
        if _file().is_file() and _file().stat().st_size < 1 << 20:
            verdicts = json.loads(_file().read_text(encoding="utf-8"))
            if isinstance(verdicts, dict):
                return {k: v for k, v in verdicts.items() if isinstance(v, str) and len(v) < 40}
    return {}


def _keep(name: str, verdict: str) -> None:
    newest = [*_kept().items(), (name, verdict)][-MAX_KEPT:]
    with suppress(OSError, RuntimeError):  # no home, a disk that is full or read-only
        write_atomically(_file(), json.dumps(dict(newest), indent=1))
