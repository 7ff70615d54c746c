"""Import llama-cpp-python and change what it has no arguments for.

Its log goes to `logging`, an answer and a load can be aborted, and loading changes nothing else in
this process.
"""

from __future__ import annotations

import ctypes
import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from edge_router.guards.forking import ForkSafeLock

from ..engine import ENGINES
from ..model_files import has_amx

__all__ = ["AbortFlag", "import_llama_cpp", "loading", "without_amx"]


log = logging.getLogger("edge_router.llama_cpp")

# One model at a time: llama-cpp-python is changed during the load, and changed back after it.
_LOADING = ForkSafeLock()


def import_llama_cpp() -> Any:
    llama_cpp = ENGINES["llama_cpp_python"].imported()
    _bridge_log(llama_cpp)
    return llama_cpp


@cache  # once per process; and llama.cpp needs the callback for as long as that lives
def _bridge_log(llama_cpp: Any) -> Any:
    """Send llama.cpp's log, which is one per process, to `logging`.

    Warnings and errors alone, one step down: what matters also arrives as an exception, and an
    aborted prefill is no error of ours.
    """
    levels = {3: logging.INFO, 4: logging.INFO}  # ggml_log_level

    def forward(level: int, text: bytes, _data: object) -> None:
        if level in levels:  # the others continue a line, or are of every tensor of the graph
            log.log(levels[level], text.decode(errors="replace").rstrip())

    callback = llama_cpp.llama_log_callback(forward)
    llama_cpp.llama_log_set(callback, ctypes.c_void_p(0))
    return callback


class AbortFlag:
    """A flag that llama.cpp polls at every graph node, without Python's lock.

    llama.cpp asks `bool callback(void *data)`. The C library's strlen is such a function: on this
    two-byte string it gives 0 until the first byte is set and 1 after. A callback in Python would
    wait for the lock at every node of every token.
    """

    def __init__(self) -> None:
        self._bytes = ctypes.create_string_buffer(b"\0", 2)

    def set(self) -> None:
        self._bytes[0] = b"\1"

    def clear(self) -> None:
        self._bytes[0] = b"\0"

    def attach(self, llama_cpp: Any, context: Any) -> None:
        library = ctypes.cdll.msvcrt if os.name == "nt" else ctypes.CDLL(None)
        callback = ctypes.cast(library.strlen, llama_cpp.ggml_abort_callback)
        data = ctypes.cast(self._bytes, ctypes.c_void_p)
        llama_cpp.llama_set_abort_callback(context, callback, data)


@contextmanager
def loading(llama_cpp: Any, going_on: Callable[[], bool], *, plain: bool = False) -> Iterator[None]:
    """For the block in which this thread loads a model, for as long as it is `going_on()`.

    With `plain` its weights stay as they are in the file, which takes neither time nor memory.
    """
    with (
        _LOADING,
        without_amx(llama_cpp, needed=plain or None),
        _progress(llama_cpp, going_on),
        _no_templates(llama_cpp),
        _own_output(llama_cpp),
    ):
        yield


@contextmanager
def _replaced(owner: Any, name: str, new: Any) -> Iterator[None]:
    old = getattr(owner, name)
    setattr(owner, name, new)
    try:
        yield
    finally:
        setattr(owner, name, old)


@contextmanager
def _progress(llama_cpp: Any, going_on: Callable[[], bool]) -> Iterator[None]:
    """llama.cpp calls back during the load to learn whether to go on."""
    me = threading.get_ident()
    defaults = llama_cpp.llama_cpp.llama_model_default_params
    callback = llama_cpp.llama_progress_callback(lambda _share, _data: going_on())

    def with_progress() -> Any:
        params = defaults()
        if threading.get_ident() == me:
            params.progress_callback = callback
        return params

    with _replaced(llama_cpp.llama_cpp, "llama_model_default_params", with_progress):
        yield


@contextmanager
def _no_templates(llama_cpp: Any) -> Iterator[None]:
    """llama-cpp-python compiles a file's chat templates and fails where one is wrong; we have our
    own for them."""
    me = threading.get_ident()
    formats = llama_cpp.llama_chat_format
    formatter = formats.Jinja2ChatFormatter

    class NoFormatter:
        def to_chat_handler(self) -> None:
            return None

    def none_here(*args: Any, **settings: Any) -> Any:
        return NoFormatter() if threading.get_ident() == me else formatter(*args, **settings)

    with _replaced(formats, "Jinja2ChatFormatter", none_here):
        yield


@contextmanager
def _own_output(llama_cpp: Any) -> Iterator[None]:
    """Keep this process's output: while a model loads, llama-cpp-python would discard what any
    thread prints, and a child forked then would stay mute."""

    class NotMuted:
        def __init__(self, disable: bool = True) -> None:
            pass

        def __enter__(self) -> None:
            pass

        def __exit__(self, *_: object) -> None:
            pass

    inner = llama_cpp._internals  # noqa: SLF001 - there is no argument for it
    with (
        _replaced(inner, "suppress_stdout_stderr", NotMuted),
        _replaced(llama_cpp.llama, "suppress_stdout_stderr", NotMuted),
    ):
        yield


@contextmanager
def without_amx(llama_cpp: Any, *, needed: bool | None = None) -> Iterator[None]:
    """Models that load in the block do without AMX, if this CPU has it (or if `needed`).

    Not thread-safe: one model loads at a time.
    """
    bindings = llama_cpp.llama_cpp
    defaults = bindings.llama_model_default_params

    def plain() -> Any:
        params = defaults()
        params.use_extra_bufts = False
        return params

    if has_amx() if needed is None else needed:
        bindings.llama_model_default_params = plain
    try:
        yield
    finally:
        bindings.llama_model_default_params = defaults
