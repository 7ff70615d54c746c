"""Open xllamacpp's server in this process, silent and where nobody can reach it.

The server answers calls of this process. It also listens, always; here on a Unix socket in a folder
of this user alone, whose file is removed before the first answer, so that nothing can connect.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from edge_router.errors import BackendUnavailable
from edge_router.guards.forking import renew_after_fork

from ..engine import ENGINES
from ..model_files import has_amx

__all__ = ["OpenServer", "open_server"]

BATCH = 16  # tokens read between two looks whether the answer is still wanted
SILENT = -1
LONGEST_FOLDER = 60  # bytes; a Unix socket's name has 104 at most


class OpenServer:
    """xllamacpp's server with a loaded model. It ends with the last reference to it, so there is
    one, here: a traceback that somebody keeps has none."""

    def __init__(self, server: Any) -> None:
        self._server = server

    def complete(
        self, body: Mapping[str, Any], take: Callable[[dict[str, Any]], bool] | None = None
    ) -> Any:
        """The reply, or None once all of its pieces were given to `take`, which ends the answer by
        True."""
        arguments = (dict(body),) if take is None else (dict(body), take)
        return self._server.handle_completions(*arguments)

    def close(self) -> None:
        """Release the memory. No call is under way any more."""
        self._server = None


def open_server(path: Path, *, n_ctx: int, n_threads: int, at_once: int) -> OpenServer:
    """A server with the model at `path`, whose context `at_once` answers share.

    Raises BackendUnavailable if it does not load, and MissingExtra.
    """
    xllamacpp = ENGINES["xllamacpp"].imported()
    if _Forks.watched().forked:
        raise BackendUnavailable(
            f"{path.name}: xllamacpp cannot load a model in a process that was forked from one "
            "with a model; start it with spawn, or use engine = 'llama_cpp_python'"
        )
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_ctx = n_ctx
    params.n_batch = params.n_ubatch = BATCH
    params.n_parallel, params.kv_unified = at_once, True
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = n_threads
    params.n_gpu_layers, params.fit_params = 0, False
    params.warmup = params.enable_chat_template = params.use_jinja = False
    params.cache_ram_mib = params.n_ctx_checkpoints = 0
    params.no_extra_bufts = has_amx()
    params.verbosity = SILENT
    _keep_to_itself(params)
    try:
        with tempfile.TemporaryDirectory(prefix="edge-router-", dir=_short_folder()) as folder:
            params.hostnames = [str(Path(folder, "unused.sock"))]
            return OpenServer(xllamacpp.Server(params))
    except (RuntimeError, ValueError, OSError) as error:
        raise BackendUnavailable(f"{path.name} cannot be loaded by xllamacpp: {error}") from None


def _short_folder() -> str | None:
    """The folder for temporary files, None for the usual one; its name may not be long, since a
    socket's may not."""
    usual = tempfile.gettempdir()
    if len(os.fsencode(usual)) <= LONGEST_FOLDER:
        return None
    return "/tmp" if Path("/tmp").is_dir() else None  # noqa: S108 - made for this user alone


def _keep_to_itself(params: Any) -> None:
    """No download, no page, no endpoint that tells, and a key that nobody knows."""
    params.offline = True
    params.ui = params.endpoint_slots = params.endpoint_props = params.endpoint_metrics = False
    params.cors_origins, params.cors_credentials = "", False
    params.api_keys = [secrets.token_hex()]
    params.n_threads_http = 1


class _Forks:
    """llama.cpp's C++ keeps threads of its own, which a forked child does not have: a server in the
    child would end its process, and so would the C++ that runs at its exit.

    So a child of a process that has opened a server opens none, and leaves without that C++; its
    Python code ends as always.
    """

    forked = False

    @classmethod
    @cache
    def watched(cls) -> _Forks:
        """The forks of this process, from the first call on."""
        forks = cls()
        renew_after_fork(forks)
        return forks

    def after_fork(self) -> None:
        self.forked = True
        if sys.platform.startswith("linux"):
            with suppress(OSError, AttributeError):  # a C library without on_exit
                library = ctypes.CDLL(None)
                leave = ctypes.cast(getattr(library, "_exit"), ctypes.c_void_p)  # noqa: B009 - C's
                library.on_exit(leave, None)
