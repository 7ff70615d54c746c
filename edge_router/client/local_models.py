"""The models that an EdgeRouter runs in its own process: which are loaded, and their unloading."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from edge_router.backends.base import MOST_LAYERS, Backend
from edge_router.errors import ConfigError
from edge_router.settings.config import Config

__all__ = ["LocalModel", "RunsModels", "local_models", "unload"]


class RunsModels(Protocol):
    """An EdgeRouter: its settings, and the backends that it has opened."""

    @property
    def config(self) -> Config: ...

    @property
    def _backends(self) -> Mapping[str, Backend]: ...


@runtime_checkable
class Unloads(Protocol):
    """A backend whose model can be unloaded, as that of llama.cpp can."""

    @property
    def loaded(self) -> bool: ...

    @property
    def loading(self) -> bool: ...

    @property
    def busy(self) -> bool: ...

    @property
    def model_bytes(self) -> int: ...

    @property
    def idle_s(self) -> float: ...

    @property
    def keep_alive_s(self) -> float: ...

    def unload(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A model of this process, by the name of its expert. `bytes` is the size of its `file`.

    `left_s` says after how many seconds without an answer it is unloaded; infinite for never, and
    while it is not loaded or is answering.
    """

    expert: str
    file: str
    bytes: int
    loaded: bool
    loading: bool
    busy: bool
    left_s: float


def local_models(router: RunsModels) -> list[LocalModel]:
    """All of them, loaded or not, in the order of the settings."""
    return [_described(router, name, one) for name, one in _backends(router).items()]


def unload(router: RunsModels, expert: str | None = None) -> list[str]:
    """Give back the memory of the model of `expert`, or of all; the next answer loads it again.

    Returns the names of the experts whose model was unloaded; one that is answering is left as it
    is. Raises ConfigError for an expert without a model in this process.
    """
    backends = _backends(router)
    if expert is not None and expert not in backends:
        known = ", ".join(backends) or "none"
        raise ConfigError(f"no model of {expert!r:.80} runs in this process; there are: {known}")
    wanted = backends if expert is None else {expert: backends[expert]}
    return [name for name, backend in wanted.items() if backend.unload()]


def _backends(router: RunsModels) -> dict[str, Unloads]:
    opened = dict(router._backends)  # noqa: SLF001 - one concept, two files
    inner = {name: _innermost(backend) for name, backend in opened.items()}
    return {name: one for name, one in inner.items() if isinstance(one, Unloads)}


def _innermost(backend: Backend) -> Backend:
    """The backend behind the layers around it."""
    for _ in range(MOST_LAYERS):
        if (inner := getattr(backend, "inner", None)) is None:
            break
        backend = inner
    return backend


def _described(router: RunsModels, name: str, backend: Unloads) -> LocalModel:
    return LocalModel(
        name,
        router.config.experts[name].model,
        backend.model_bytes,
        backend.loaded,
        backend.loading,
        backend.busy,
        backend.keep_alive_s - backend.idle_s,
    )
