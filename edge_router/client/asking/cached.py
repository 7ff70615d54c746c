"""The answer cache around the dispatch: gives a kept answer again, or keeps the one given now."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from functools import cache, partial
from typing import Protocol

from edge_router.chat.completion import ChatChunk, ChatRequest, Joined, Usage
from edge_router.layers.cache.cache import AnswerCache, Embed, Hit, Place
from edge_router.layers.cache.store import Kept
from edge_router.routing.arrays import Float32s
from edge_router.routing.deciding.decision import Decision
from edge_router.routing.experts.expert import Expert

from .query import Attempt, Chunks, Query

__all__ = ["CachedDispatch"]

NOTHING_READ = Usage(0, 0)


class Inner(Protocol):
    """What gives an answer that is not in the cache."""

    def run(self, query: Query) -> Chunks: ...

    def close(self) -> None: ...


class CachedDispatch:
    """Answers as `inner` does, or from `cache`; `embedding` is that of a request's last turn.
    Thread-safe.

    Only an answer that came to its end is kept: nothing cut off, cancelled, broken, refused, empty,
    or written by an expert that stepped in for another or did not read the whole conversation.
    """

    def __init__(
        self,
        inner: Inner,
        cache: AnswerCache,
        experts: Mapping[str, Expert],
        embedding: Callable[[ChatRequest, Decision], Float32s],
    ) -> None:
        self._inner = inner
        self._cache = cache
        self._experts = experts
        self._embedding = embedding

    def run(self, query: Query) -> Chunks:
        """The answer in pieces."""
        place = self._cache.place(query.request, query.decision)
        if place is None:
            yield from self._inner.run(query)
            return
        embed = cache(partial(self._embedding, query.request, query.decision))  # at most one pass
        hit = self._cache.find(place, query.decision, embed)
        if hit is not None:
            yield from self._given_again(query, hit)
            return
        joined = Joined()
        with closing(self._inner.run(query)) as chunks:
            for chunk in chunks:
                joined.take(chunk)
                yield chunk
        self._keep(query, place, joined, embed)

    def close(self) -> None:
        """Give the cache's file back."""
        self._cache.close()
        self._inner.close()

    def _given_again(self, query: Query, hit: Hit) -> Chunks:
        kept = hit.stored.kept
        attempt = Attempt(self._experts[kept.expert], query.request, None)
        query.attempts.append(attempt)
        query.cached = hit.kind
        query.first_token_s = query.elapsed()
        name = f"cached-{query.id}"
        chunks = (
            *(
                [ChatChunk(name, kept.model, "", reasoning_content=kept.thoughts)]
                * bool(kept.thoughts)
            ),
            ChatChunk(name, kept.model, kept.answer),
            ChatChunk(name, kept.model, "", "stop", NOTHING_READ),
        )
        for chunk in chunks:
            attempt.take(chunk)
            yield chunk

    def _keep(self, query: Query, place: Place, joined: Joined, embed: Embed) -> None:
        attempt, text = query.answering, "".join(joined.texts)
        if attempt is None or joined.last is None or not _is_sound(query, attempt, joined, text):
            return
        vector = None if place.question is None else embed()
        thoughts = "".join(joined.thoughts)
        model = joined.last.model
        kept = Kept(attempt.expert.name, model, text, thoughts, place.question, vector)
        self._cache.keep(place, kept)


def _is_sound(query: Query, attempt: Attempt, joined: Joined, text: str) -> bool:
    """Whether an answer is whole, and the one that was decided on."""
    dropped = joined.usage.dropped_messages if joined.usage is not None else 0
    return (
        attempt.finish_reason == "stop"
        and bool(text.strip())
        and not query.failures
        and not query.deadline.cancelled
        and not joined.tool_calls
        and not joined.refusals
        and not dropped
        and attempt.request is query.request
    )
