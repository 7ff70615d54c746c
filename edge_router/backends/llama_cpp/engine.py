"""The engines that run a GGUF file, and which of them is used."""

from __future__ import annotations

import importlib.util
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from edge_router.errors import BackendUnavailable, ConfigError, MissingExtra

from .gguf import read_header

__all__ = ["ENGINES", "Engine", "EngineName", "ModelSettings", "engine_for"]

EngineName = Literal["llama_cpp_python", "xllamacpp"]

log = logging.getLogger("edge_router.llama_cpp")


@dataclass(frozen=True, slots=True)
class Engine:
    """A package that carries llama.cpp: the module it is imported as, its name at the package
    index, the extra that brings it, how many answers one loaded model gives at a time, and whether
    it weighs names against each other."""

    name: EngineName
    module: str
    package: str
    extra: str
    at_once: int
    chooses: bool = False

    @property
    def installed(self) -> bool:
        """Whether it is there, with what reads chat templates, which its extra brings too."""
        return all(importlib.util.find_spec(name) for name in (self.module, "jinja2"))

    def imported(self) -> Any:
        """Its module. Raises MissingExtra, or BackendUnavailable where this machine lacks a library
        that it needs."""
        try:
            return import_module(self.module)
        except (ImportError, OSError, RuntimeError) as error:
            if importlib.util.find_spec(self.module) is None:
                raise MissingExtra(self.package, self.extra) from error
            raise BackendUnavailable(
                f"{self.package} cannot be imported: {error}{_fix(str(error))}"
            ) from error

    def load(self, settings: ModelSettings, n_ctx: int, going_on: Callable[[], bool]) -> Any:
        """A LoadedModel with a context of `n_ctx` tokens, as long as it is `going_on()`."""
        home = _model_of("own_process") if settings.own_process else self._home
        return home.load_model(settings, n_ctx, going_on)

    def try_to_load(self, path: str) -> None:
        """Load a file and compute two tokens. Raises any exception, or ends the process."""
        self._home.try_to_load(path)

    @property
    def _home(self) -> Any:
        return _model_of(self.name)


def _model_of(folder: str) -> Any:
    """How a folder beside this file loads a model."""
    return import_module(f"{__package__}.{folder}.model")


def _fix(error: str) -> str:
    """How to get the shared library that the `error` of an import misses, where it misses one."""
    missing = re.search(r"(lib[^\s/:]+\.so[\w.]*): cannot open shared object", error)
    if missing is None:
        return ""
    package = "libgomp1" if missing[1].startswith("libgomp.") else f"the package with {missing[1]}"
    return f"; install it with the system's packages: apt install {package}"


ENGINES: Mapping[EngineName, Engine] = {
    "llama_cpp_python": Engine(
        "llama_cpp_python", "llama_cpp", "llama-cpp-python", "local", 1, chooses=True
    ),
    "xllamacpp": Engine("xllamacpp", "xllamacpp", "xllamacpp", "quick", 4),
}


def engine_for(stated: EngineName | None) -> Engine:
    """The `stated` engine, else the first of ENGINES that is installed.

    Raises MissingExtra, or ConfigError for an engine of another name.
    """
    if stated is not None and stated not in tuple(ENGINES):
        raise ConfigError(f"engine is {stated!r}; it must be one of {', '.join(ENGINES)}")
    for engine in ENGINES.values() if stated is None else [ENGINES[stated]]:
        if engine.installed:
            return engine
    if stated is None:
        raise MissingExtra("an engine for local models", "quick")
    raise MissingExtra(ENGINES[stated].package, ENGINES[stated].extra)


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """How a model is loaded and run. `is_known` says that the file is the bundled one,
    `own_process` that the model has a process of its own."""

    engine: Engine
    path: Path
    n_ctx: int
    n_threads: int
    system: str | None
    repeat_penalty: float
    confidence: bool
    is_known: bool
    free_memory: Callable[[], float | None]
    keep_alive_s: float
    own_process: bool = False

    def context_tokens(self) -> int:
        """The context, at most what the model was trained for: beyond it is noise.

        Raises BackendUnavailable where it takes more memory than is free, and ConfigError.
        """
        header = read_header(self.path)
        n_ctx, trained = self.n_ctx, header.number("context_length")
        if trained is not None and n_ctx > trained:
            log.warning(
                "%s was trained for %d tokens; the context of %d that was asked for is cut to that",
                self.path.name,
                trained,
                n_ctx,
            )
            n_ctx = trained
        needed, free = header.cache_bytes(n_ctx), self.free_memory()
        if needed is not None and free is not None and needed > free:
            raise BackendUnavailable(
                f"a context of {n_ctx} tokens of {self.path.name} takes {needed / 1e9:.1f} GB, and "
                f"{free / 1e9:.1f} GB are free; state less context_tokens"
            )
        return n_ctx
