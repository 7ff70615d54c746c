"""What answers a query, from the inside out: asking experts, hedged and cached where the settings
say so. What is off is not loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from edge_router.routing.router import Router
from edge_router.settings.config import Config

from ..running_estimates import Experience
from .dispatch import Dispatch
from .query import Ask, Chunks, Query

if TYPE_CHECKING:
    from edge_router.layers.privacy.gate import PrivacyGate

__all__ = ["Answers", "answers_of"]


class Answers(Protocol):
    """What gives the answer to a query: the dispatch, or a cache around it."""

    def run(self, query: Query) -> Chunks:
        """The answer in pieces."""
        ...

    def close(self) -> None:
        """Give back what it holds."""
        ...


def answers_of(
    config: Config, router: Router, ask: Ask, experience: Experience, gate: PrivacyGate | None
) -> Answers:
    """What the settings put around `ask`. Raises ConfigError."""
    if config.hedge_after_s is not None:
        from .hedge import Hedge

        after_s, failed = config.hedge_after_s, experience.failed
        asks = {} if gate is None else {"asks_first": gate.needs_consent}
        ask = Hedge(ask, router.experts, after_s=after_s, failed=failed, **asks).ask
    dispatch = Dispatch(ask, experience)
    if config.cache.mode == "off":
        return dispatch
    from .cached import CachedDispatch

    return CachedDispatch.around(dispatch, config, router)
