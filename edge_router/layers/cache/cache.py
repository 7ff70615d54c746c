"""The answer cache: the answer to the same conversation, or to one that asks the same at its end.

Off by default. An answer is given only under the settings, limits and rule that it was written
under (`key`), and only of an expert that may read the request now and is expected to answer it no
worse than the one decided on. A match in other words is for the last turn alone, with everything
before it equal; `similarity` says whether both ask the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Self

from edge_router.chat.message import Message
from edge_router.chat.request import ChatRequest
from edge_router.routing.arrays import Float32s
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.deciding.decision import Decision
from edge_router.routing.deciding.reason import Reason
from edge_router.settings.config import Config

from .key import NONE, Keys, is_cacheable, is_rewordable, keys_of, settings_key
from .similarity import Similarity
from .store import AnswerStore, Kept, Stored

__all__ = ["AnswerCache", "Embed", "Hit", "Place"]

LIKELY = 0.5  # from this probability on a query is taken to need live data, which ages
MOST_VERIFIED = 8  # questions that are compared word by word
NOW = frozenset(
    "now today tonight tomorrow yesterday current currently latest recent recently live "
    "moment".split()
)
_LETTERS = re.compile(r"[a-z]+")
FREE_OF_IT = frozenset(
    (Reason.UNREACHABLE, Reason.OFFLINE, Reason.MEMORY, Reason.LOW_BATTERY, Reason.BUDGET,
     Reason.TOKEN_BUDGET, Reason.BUDGET_UNKNOWN, Reason.MAX_COST, Reason.MAX_LATENCY)
)  # fmt: skip
"""Why an expert may not be asked now, though what it wrote before may be read: that costs nothing,
and no query leaves this device. That the settings forbid its place is part of the key."""

Embed = Callable[[], Float32s]
"""The embedding of the last turn (embedding_dim,), of length 1."""

IsPrivate = Callable[[ChatRequest], bool]
"""Whether a request holds private data that must not be kept."""


@dataclass(frozen=True, slots=True)
class Hit:
    """An answer to give again, and how its question matched."""

    kind: Literal["exact", "semantic"]
    stored: Stored


@dataclass(frozen=True, slots=True)
class Place:
    """Where the answer to a request is kept; `question` where it may be matched in other words."""

    keys: Keys
    question: str | None


class AnswerCache:
    """Answers of one router artifact under one configuration. Thread-safe. `similarity` is None
    where only the same conversation matches."""

    def __init__(
        self,
        store: AnswerStore,
        settings: bytes,
        *,
        similarity: Similarity | None,
        is_private: IsPrivate = lambda _request: False,
    ) -> None:
        self._store = store
        self._settings = settings
        self._similarity = similarity
        self._is_private = is_private

    @classmethod
    def from_config(
        cls,
        config: Config,
        artifact: RouterArtifact,
        embed: Callable[[str], Float32s],
        is_private: IsPrivate = lambda _request: False,
        own: Mapping[str, str] = NONE,
    ) -> Self:
        """The cache that the settings name; its file is not opened yet. `embed` gives the embedding
        of a text, `own` the classes of a program's own backends by their experts. Raises
        ConfigError for a semantic one of an artifact that nothing is calibrated for."""
        limits = config.cache
        semantic = limits.mode == "semantic"
        similarity = Similarity.of(artifact.hash, embed) if semantic else None
        return cls(
            AnswerStore(limits.file_in(config.data_folder), limits),
            settings_key(config, artifact.hash, own),
            similarity=similarity,
            is_private=is_private,
        )

    def place(self, request: ChatRequest, decision: Decision) -> Place | None:
        """Where its answer is kept; None for a request that is not answered from a cache: tools,
        media, a temperature, live data, and private data unless the settings ask for it."""
        if decision.grounds is None or not is_cacheable(request):
            return None
        if _is_about_now(request, decision):
            return None
        if self._is_private(request):
            return None
        grounds, settings = decision.grounds, self._settings
        keys = keys_of(request, rule=grounds.rule, limits=grounds.constraints, settings=settings)
        if keys is None:
            return None
        reworded = self._similarity is not None and is_rewordable(request)
        return Place(keys, request.question if reworded else None)

    def find(self, place: Place, decision: Decision, embed: Embed) -> Hit | None:
        """The answer to give again, if there is one."""
        stored = self._store.find(place.keys.whole)
        hit = None if stored is None else Hit("exact", stored)
        if hit is None and place.question is not None:
            hit = self._reworded(place, place.question, decision, embed)
        if hit is None or not _may_answer(hit.stored.kept.expert, decision):
            return None
        self._store.given(hit.stored.key, hit.kind)
        return hit

    def keep(self, place: Place, kept: Kept) -> None:
        """Keep a whole answer, unless it holds private data itself that must not be kept."""
        written = f"{kept.thoughts}\n{kept.answer}"
        if not self._is_private(ChatRequest((Message("user", written),))):
            self._store.keep(place.keys.whole, place.keys.context, kept)

    def close(self) -> None:
        """Give the file back."""
        self._store.close()

    def _reworded(
        self, place: Place, question: str, decision: Decision, embed: Embed
    ) -> Hit | None:
        similarity = self._similarity
        assert similarity is not None
        near = self._store.near(place.keys.context, embed(), least=similarity.least_cosine)
        for one in near[:MOST_VERIFIED]:
            if similarity.asks_the_same(question, one.question, one.cosine):
                stored = self._store.find(one.key)
                if stored is not None and _may_answer(stored.kept.expert, decision):
                    return Hit("semantic", stored)
        return None


def _is_about_now(request: ChatRequest, decision: Decision) -> bool:
    """Whether it needs live data by the router, and names the time by the clock that runs."""
    if decision.needs_tools is None or decision.needs_tools < LIKELY:
        return False
    return not NOW.isdisjoint(_LETTERS.findall(request.question.casefold()))


def _may_answer(expert: str, decision: Decision) -> bool:
    """Whether what an expert wrote may stand for the answer that was decided on: it may read the
    request, and is expected to do no worse."""
    if expert not in decision.order and (
        decision.reason is Reason.ASKED_BY_NAME or decision.excluded.get(expert) not in FREE_OF_IT
    ):
        return False
    theirs, decided = decision.estimates.get(expert), decision.estimates[decision.expert]
    return theirs is not None and theirs.quality >= decided.quality
