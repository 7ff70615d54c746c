"""One EdgeRouter behind several protocols: parse, choose the model, answer, count."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import Any

from edge_router.backends.deadline import Deadline
from edge_router.chat.completion import ChatChunk, ChatCompletion
from edge_router.client.async_answer import Answering, AsyncAnswerStream, in_thread
from edge_router.errors import BackendProtocolError
from edge_router.routing.arrays import Float32s

from .decision import decision_headers, early_headers, outcome_of
from .exchange import Exchange
from .limits import Admission, BodyBudget, Limits
from .metrics import Metrics
from .models import Models, Target
from .typed_questions import TypedQuestions
from .wire import chat, completions, embeddings, response_events, response_object, response_request
from .wire.agents import AgentAsked, agent_asked
from .wire.body import Asked, json_object
from .wire.errors import NEVER, Refused, refusal_of
from .wire.events import Events, json_bytes
from .wire.loaded import NO_MODELS, ModelsInMemory, require_here
from .wire.outcome import Outcome
from .wire.systemone import Facts, NotAsked, replied

__all__ = ["CHAT", "COMPLETIONS", "RESPONSES", "Protocol", "RouteAgent", "Service"]

SMALL = 64 << 10  # bytes of a body that is parsed at once; a longer one would hold up all others

Answer = Callable[[Asked, Target, str], Answering]
"""Begins the answer to what is asked, from whom, for a caller."""

Know = Callable[[str], Facts]
"""What the router says of a state."""

Embed = Callable[[str], Float32s]
"""The embedding of a text (embedding_dim,)."""

RouteAgent = Callable[[AgentAsked, str, Deadline], Mapping[str, Any]]
"""The decision about which agent is asked, for a caller."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """How one endpoint asks and answers: a body's request, a whole answer, an answer in events."""

    asked: Callable[..., Asked]
    reply: Callable[[Asked, ChatCompletion, Outcome], dict[str, Any]]
    events: Callable[[Asked, Outcome], Events]


CHAT = Protocol(chat.asked, chat.reply, chat.ChatEvents)
COMPLETIONS = Protocol(completions.asked, completions.reply, completions.TextEvents)
RESPONSES = Protocol(response_request.asked, response_object.reply, response_events.ResponseEvents)


@dataclass(slots=True, eq=False)
class Service:
    """What a server does, without its transport. For one event loop; closes nothing.

    `answers`, `embeds` and `knows` are those of an EdgeRouter and its router; embeddings have `dim`
    numbers. `typed` weighs typed questions that the router does not answer itself; without `agents`
    no request is routed to an agent. The embeddings of one request, or the choice of its agent, may
    take `within_s` seconds. `stop` is set once no more requests are wanted. Decisions about who
    answers take turns: two at once would only slow each other down, and one takes about a
    millisecond.
    """

    answers: Answer
    embeds: Embed
    knows: Know
    dim: int
    models: Models
    limits: Limits
    stop: threading.Event
    typed: TypedQuestions | None = None
    memory: ModelsInMemory = NO_MODELS
    within_s: float = math.inf
    agents: RouteAgent | None = None
    metrics: Metrics = field(init=False)
    admission: Admission = field(init=False)
    budget: BodyBudget = field(init=False)
    _deciding: threading.Lock = field(init=False)

    def __post_init__(self) -> None:
        self.admission = Admission(self.limits)
        self.budget = BodyBudget(self.limits.bodies_bytes)
        self.metrics = Metrics(
            {"running": lambda: self.admission.running, "waiting": lambda: self.admission.waiting}
        )
        self._deciding = threading.Lock()

    async def answer(self, exchange: Exchange, body: bytes, protocol: Protocol) -> None:
        """Answer one request. Raises Refused and EdgeRouterError before the reply has begun."""
        asked = await _parsed(body, partial(self._asked, protocol))
        target = self.models.target(asked.model)
        async with self.admission.place():
            stream = AsyncAnswerStream(partial(self._begin, asked, target, exchange.caller))
            try:
                async with stream:
                    if asked.stream:
                        await _streamed(exchange, stream, partial(protocol.events, asked))
                    else:
                        await _whole(exchange, stream, partial(protocol.reply, asked))
            finally:
                if (record := stream.record) is not None:
                    self.metrics.answered(record)

    async def embed(self, exchange: Exchange, body: bytes) -> None:
        """Answer one request for embeddings. Raises Refused and EdgeRouterError."""
        content = await _parsed(body, json_object)
        self.models.require_embedding(content.get("model"))
        texts = embeddings.texts_of(content, dim=self.dim)
        async with self.admission.place():
            deadline = Deadline.after(self.within_s)
            try:
                reply = await asyncio.to_thread(self._embedded, content, texts, deadline)
            finally:
                deadline.cancel()  # of a client that has left, nobody waits for the rest
        await exchange.send_written(reply)

    async def decide(self, exchange: Exchange, body: bytes) -> None:
        """Answer typed questions about a state. Raises Refused and EdgeRouterError."""
        try:
            content = await _parsed(body, json_object)
        except Refused as wrong:
            await exchange.send_json(NotAsked(str(wrong)).to_json(), status=422)
            return
        name, weigh = self.models.embedding, None
        deadline = Deadline.after(0.0 if self.typed is None else self.typed.within_s)
        if self.typed is not None:
            weigh = partial(self.typed.weigh, deadline=deadline)
        async with self.admission.place():
            try:
                reply = await asyncio.to_thread(replied, content, self.knows, name, weigh)
            except NotAsked as wrong:
                await exchange.send_json(wrong.to_json(), status=422)
            else:
                await exchange.send_json(reply)
            finally:
                deadline.cancel()  # of a client that has left, nobody waits for the rest

    async def route_agent(self, exchange: Exchange, body: bytes) -> None:
        """Say which agent a request is for. Raises Refused and EdgeRouterError."""
        if self.agents is None:
            words = "this server routes no agents; start it with edge-router serve --agents"
            raise Refused(404, words, code="agents_off", headers=NEVER)
        asked = agent_asked(await _parsed(body, json_object))
        deadline = Deadline.after(self.within_s)
        async with self.admission.place():
            try:
                decision = await in_thread(partial(self.agents, asked, exchange.caller, deadline))
            finally:
                deadline.cancel()  # of a client that has left, nobody waits for the rest
        await exchange.send_json({"object": "agent.decision", **decision})

    async def loaded(self, exchange: Exchange) -> None:
        """List the models in memory. Raises Refused for a request from another machine."""
        _require_here(exchange)
        await exchange.send_json(self.memory.list_object())

    async def unload(self, exchange: Exchange, body: bytes) -> None:
        """Give back a model's memory. Raises Refused and EdgeRouterError."""
        _require_here(exchange)
        content = await _parsed(body, json_object)
        await exchange.send_json(await asyncio.to_thread(self.memory.released, content))

    def _embedded(
        self, content: Mapping[str, Any], texts: Sequence[str], deadline: Deadline
    ) -> bytes:
        """The reply with the embeddings of texts, written: of many it would hold up the event loop.
        Raises Refused once the time is over."""
        vectors: list[Float32s] = []
        for text in texts:
            if deadline.remaining() <= 0:
                words = (
                    f"{len(vectors)} of {len(texts)} texts were embedded in {self.within_s:g} s, "
                    "which is the deadline; send fewer at once"
                )
                raise Refused(503, words, code="too_slow", kind="server_error", headers=NEVER)
            vectors.append(self.embeds(text))
        name = self.models.embedding
        return json_bytes(embeddings.embedding_list(content, texts, vectors, name))

    def _asked(self, protocol: Protocol, body: bytes) -> Asked:
        return protocol.asked(json_object(body), max_tokens=self.limits.max_tokens)

    def _begin(self, asked: Asked, target: Target, caller: str) -> Answering:
        """Decide who answers; runs in the thread of the answer."""
        with self._deciding:
            return self.answers(asked, target, caller)


def _require_here(exchange: Exchange) -> None:
    require_here(exchange.peer, exchange.own, [name for name, _ in exchange.headers])


async def _parsed(body: bytes, parse: Callable[[bytes], Any]) -> Any:
    """What `parse` makes of a body, in a thread if it is long."""
    return parse(body) if len(body) <= SMALL else await asyncio.to_thread(parse, body)


async def _whole(
    exchange: Exchange,
    stream: AsyncAnswerStream,
    written: Callable[[ChatCompletion, Outcome], Mapping[str, Any]],
) -> None:
    chunks = [chunk async for chunk in stream]
    if (record := stream.record) is None:
        raise BackendProtocolError("the answer has no end")
    if chunks and chunks[-1].finish_reason is None:  # some servers count after the last piece
        reason = record.finish_reason or "stop"
        chunks.append(ChatChunk(chunks[-1].id, chunks[-1].model, "", reason))
    answer = ChatCompletion.from_chunks(chunks)
    await exchange.send_json(written(answer, outcome_of(record)), headers=decision_headers(record))


async def _streamed(
    exchange: Exchange, stream: AsyncAnswerStream, events_of: Callable[[Outcome], Events]
) -> None:
    """Send an answer as it comes. The head waits for the first piece: until then a failure still
    has a status of its own, and another expert may step in."""
    first = await anext(stream, None)
    assert stream.begun is not None
    begun = stream.begun.so_far
    events = events_of(outcome_of(begun))
    await exchange.begin_events(early_headers(begun))
    await exchange.send_events(chain(events.begin(), () if first is None else events.take(first)))
    try:
        async for chunk in stream:
            await exchange.send_events(events.take(chunk))
    except Exception as error:  # noqa: BLE001 - the head is sent: the client is told in an event
        await exchange.send_events(events.fail(refusal_of(error)))
    else:
        await exchange.send_events(events.end(outcome_of(stream.record or begun)))
    await exchange.end_events()
