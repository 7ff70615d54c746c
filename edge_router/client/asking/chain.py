"""What the settings put around asking experts: hedging, a cache of answers, what a log keeps.

What is off is not loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Protocol

from edge_router.backends.base import Backend
from edge_router.chat.completion import ChatRequest, Prompt
from edge_router.errors import BackendError
from edge_router.routing.arrays import Float32s
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.deciding.decision import Decision
from edge_router.routing.experts.expert import Expert
from edge_router.settings.config import Config

from .query import Ask, Chunks, Query

if TYPE_CHECKING:
    from edge_router.layers.privacy.gate import PrivacyGate

__all__ = ["Answers", "cached", "hedged", "keepable"]


class Embeds(Protocol):
    """The part of `Router` that a cache needs."""

    artifact: RouterArtifact
    experts: tuple[Expert, ...]

    def embed(self, prompt: Prompt) -> Float32s: ...

    def embedding(self, request: ChatRequest, decision: Decision) -> Float32s: ...


class Answers(Protocol):
    """What gives the answer to a query: the dispatch, or a cache around it."""

    def run(self, query: Query) -> Chunks:
        """The answer in pieces."""
        ...

    def close(self) -> None:
        """Give back what it holds."""
        ...


def hedged(
    config: Config,
    ask: Ask,
    experts: Iterable[Expert],
    failed: Callable[[str, BackendError], None],
    gate: PrivacyGate | None,
) -> Ask:
    """`ask`, with a second remote expert beside a slow one where the settings say so; `failed`
    receives failures."""
    if config.hedge_after_s is None:
        return ask
    from .hedge import Hedge

    asks = {} if gate is None else {"asks_first": gate.needs_consent}
    return Hedge(ask, experts, after_s=config.hedge_after_s, failed=failed, **asks).ask


def keepable(config: Config) -> Callable[[ChatRequest], ChatRequest | None]:
    """What of a request may be written to a file of this device: placeholders stand for what is
    private. Nothing is written of a request with private data where the settings say that some
    expert is to be asked only with consent, or never."""
    if not config.learn_prompts:
        return lambda request: request
    from edge_router.layers.privacy.detectors import Detectors
    from edge_router.layers.privacy.placeholders import Conversations
    from edge_router.layers.privacy.search import without_private

    detectors, conversations = Detectors(config.privacy), Conversations()
    withheld = not {"ask", "never"}.isdisjoint((config.privacy.cloud, config.privacy.lan))

    def kept(request: ChatRequest) -> ChatRequest | None:
        clean = without_private(request, detectors, conversations)
        return None if withheld and clean is not request else clean

    return kept


def cached(
    config: Config, answers: Answers, router: Embeds, backends: Mapping[str, Backend]
) -> Answers:
    """`answers`, behind a cache where the settings name one; what a program's own `backends` wrote
    is given by others of their class alone. Raises ConfigError."""
    if config.cache.mode == "off":
        return answers
    from edge_router.layers.cache.cache import AnswerCache
    from edge_router.layers.privacy.detectors import Detectors
    from edge_router.layers.privacy.search import search

    from .cached import CachedDispatch

    detectors = Detectors(config.privacy)

    def is_private(request: ChatRequest) -> bool:
        return not config.cache.private and bool(search(request, detectors, media=False))

    kinds = {name: type(one) for name, one in backends.items()}
    own = {name: f"{one.__module__}.{one.__qualname__}" for name, one in kinds.items()}
    cache = AnswerCache.from_config(config, router.artifact, router.embed, is_private, own)
    experts = {one.name: one for one in router.experts}
    return CachedDispatch(answers, cache, experts, router.embedding)
