"""Checks of what an EdgeRouter is made with: settings, backends of the program's own, consent."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from edge_router.backends.base import Backend, asks_network
from edge_router.errors import ConfigError
from edge_router.settings.config import Config

if TYPE_CHECKING:
    from edge_router.layers.privacy.gate import ConsentQuestion, PrivacyGate

__all__ = ["checked_backends", "gate_of", "settings_of"]


def settings_of(config: Config | None) -> Config:
    """The settings that are given, else the user's own."""
    if config is not None and not isinstance(config, Config):
        raise ConfigError(f"config is a {type(config).__name__}; give a Config, or None to load it")
    return Config.load() if config is None else config


def checked_backends(backends: Mapping[str, Backend], config: Config) -> Mapping[str, Backend]:
    """The backends to use instead of configured ones. Raises ConfigError for any that cannot."""
    if not isinstance(backends, Mapping):
        raise ConfigError(
            f"backends is a {type(backends).__name__}; give a dict of backends by name"
        )
    for name, backend in backends.items():
        if name not in config.experts:
            near = difflib.get_close_matches(str(name), config.experts, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(config.experts)}"
            raise ConfigError(f"backends names {name!r}, which is no configured expert; {hint}")
        if not all(callable(getattr(backend, verb, None)) for verb in ("stream", "close")):
            raise ConfigError(f"backends[{name!r}] is a {type(backend).__name__}, not a Backend")
        if asks_network(backend) and not config.experts[name].needs_network:
            raise ConfigError(
                f"backends[{name!r}] asks a server on another host, the settings say that {name!r} "
                "needs no network; state its base_url there"
            )
    return backends


def gate_of(
    config: Config, consent: Callable[[ConsentQuestion], bool] | None = None
) -> PrivacyGate | None:
    """The gate in front of experts that may not read everything; without one it is not loaded.
    Raises ConfigError for a `consent` that cannot be called."""
    if consent is not None and not callable(consent):
        raise ConfigError(f"consent is a {type(consent).__name__}; give a callable, or None")
    if config.privacy.is_open:
        return None
    from edge_router.layers.privacy.gate import PrivacyGate

    return PrivacyGate.of(config, consent)
