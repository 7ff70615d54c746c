"""The layers around a remote expert's backend: a breaker around retries around a watchdog."""

from __future__ import annotations

from edge_router.backends.base import Backend
from edge_router.settings.expert_config import ExpertConfig

from .breaker import Breaker
from .retry import Retrying
from .watchdog import Watchdog

__all__ = ["RETRIES", "resilient"]

RETRIES = 2


def resilient(backend: Backend, expert: ExpertConfig, *, name: str) -> Backend:
    """`backend` with the layers that the settings of the `expert` called `name` ask for; one on
    this device fails for good reasons, and is given as it is."""
    if expert.backend != "openai" or not expert.leaves_device:
        return backend
    if expert.stall_timeout_s is not None:
        backend = Watchdog(backend, name=name, stall_s=expert.stall_timeout_s)
    retries = RETRIES if expert.retries is None else expert.retries
    if retries:
        backend = Retrying(backend, retries=retries)
    return Breaker(backend, name=name)
