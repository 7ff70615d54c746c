"""Open the backend that a configured expert needs, or check one that is given in its place."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from edge_router.backends.base import Backend
from edge_router.device.machine import this_device
from edge_router.errors import ConfigError
from edge_router.settings.config import Config
from edge_router.settings.expert_config import ExpertConfig

__all__ = ["checked_backends", "open_backend"]


def open_backend(expert: ExpertConfig, *, confidence: bool = False) -> Backend:
    """The backend that a configured expert needs; nothing is connected or loaded yet.

    With `confidence` its chunks carry the model's confidence, where the backend can give it.
    """
    if expert.backend == "llama_cpp":
        from edge_router.backends.llama_cpp.backend import DEFAULT_SYSTEM, LlamaCppBackend

        return LlamaCppBackend(
            expert.model,
            n_ctx=expert.context_tokens or 2048,
            n_threads=expert.n_threads,
            system=DEFAULT_SYSTEM if expert.system is None else expert.system,
            confidence=confidence,
            free_memory=lambda: this_device().state().free_memory_bytes,
        )
    from edge_router.backends.openai.backend import OpenAIBackend

    return OpenAIBackend(
        expert.model,
        base_url=expert.base_url or "",
        api_key_env=expert.api_key_env,
        max_tokens_field=expert.max_tokens_field,
        temperature=expert.temperature,
        extra_body=expert.extra_body,
        extra_headers_env=expert.extra_headers_env,
        connect_timeout_s=expert.connect_timeout_s,
        first_token_timeout_s=expert.first_token_timeout_s,
        stall_timeout_s=expert.stall_timeout_s,
    )


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
        if getattr(backend, "needs_network", False) and not config.experts[name].needs_network:
            raise ConfigError(
                f"backends[{name!r}] asks a server on another host, the settings say that {name!r} "
                "needs no network; state its base_url there"
            )
    return backends
