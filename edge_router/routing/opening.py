"""Open the backend that a configured expert needs."""

from __future__ import annotations

import math
from collections.abc import Iterable

from edge_router.backends.base import Backend, Deadline, Preloads
from edge_router.device.machine import this_device
from edge_router.settings.expert_config import ExpertConfig

KEEP_ALIVE_S = 300.0


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
            engine=expert.engine,
            keep_alive_s=_seconds(expert.keep_alive),
            own_process=bool(expert.own_process),
            free_memory=lambda: this_device().state().free_memory_bytes,
        )
    from edge_router.backends.openai.backend import OpenAIBackend

    return OpenAIBackend(
        expert.model,
        base_url=expert.base_url or "",
        api_key_env=expert.api_key_env,
        max_tokens_field=expert.max_tokens_field,
        temperature=expert.temperature,
        reasoning_effort=expert.reasoning_effort,
        extra_body=expert.extra_body,
        extra_headers_env=expert.extra_headers_env,
        connect_timeout_s=expert.connect_timeout_s,
        first_token_timeout_s=expert.first_token_timeout_s,
        stall_timeout_s=expert.stall_timeout_s,
    )


def _seconds(keep_alive: float | str | None) -> float:
    """How long an idle model stays in memory."""
    if isinstance(keep_alive, str):  # "forever"
        return math.inf
    return KEEP_ALIVE_S if keep_alive is None else keep_alive


def preload(backends: Iterable[Backend], deadline: Deadline) -> None:
    """Load the models of those that have one in this process. Raises as an answer does."""
    for backend in backends:
        if isinstance(backend, Preloads):
            backend.load(deadline=deadline)
