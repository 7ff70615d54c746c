"""The models that llm gets: `edge-router`, and `edge-router/NAME` for each expert; sync and async.

The entry point of the plugin. One EdgeRouter, made at the first prompt, answers for all of them.
"""

from __future__ import annotations

import atexit
import json
from collections.abc import AsyncGenerator, Callable, Iterator
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import llm
from llm.parts import StreamEvent

from edge_router.chat.completion import ChatChunk, Joined
from edge_router.errors import BackendProtocolError, EdgeRouterError
from edge_router.guards.forking import ForkSafeLock
from edge_router.settings.config import Config

from .conversation import ATTACHMENT_TYPES, request_of
from .options import ExpertOptions, RouterOptions, choice_of, constraints_of

if TYPE_CHECKING:
    from edge_router.client.answer import AnswerStream
    from edge_router.client.sync_client import EdgeRouter
    from edge_router.routing.record import AnswerRecord

__all__ = ["AsyncExpertModel", "AsyncRouterModel", "ExpertModel", "RouterModel", "register_models"]

NAME = "edge-router"
_OPENING = ForkSafeLock()


@llm.hookimpl
def register_models(register: Callable[..., Any]) -> None:
    """Register the router, and every expert of the user's settings by its name.

    Settings that cannot be read leave the router alone, which says what is wrong when it is asked:
    llm goes on with the models of other plugins.
    """
    register(RouterModel(NAME), AsyncRouterModel(NAME))
    try:
        experts = list(Config.load().experts)
    except EdgeRouterError:
        return
    for expert in experts:
        name = f"{NAME}/{expert}"
        register(ExpertModel(name, expert), AsyncExpertModel(name, expert))


def opened() -> EdgeRouter:
    """The EdgeRouter of this process, by the user's settings; closed when the process ends."""
    with _OPENING:  # two threads that ask first would load every model twice
        return _router()


@cache
def _router() -> EdgeRouter:
    from edge_router.client.sync_client import EdgeRouter

    router = EdgeRouter()
    atexit.register(router.close)
    return router


class Shared:
    """What all four models have in common; `expert` is asked alone, None leaves it to the router.

    Where the settings say to ask before an expert reads private data, nobody is asked here: such an
    expert is ruled out.
    """

    can_stream = True
    supports_schema = True
    supports_tools = True
    attachment_types = ATTACHMENT_TYPES

    def __init__(
        self,
        model_id: str,
        expert: str | None = None,
        *,
        opened: Callable[[], EdgeRouter] = opened,
    ) -> None:
        self.model_id = model_id
        self._expert = expert
        self._opened = opened

    def _begin(self, prompt: Any, stream: bool) -> AnswerStream:
        """Decide who answers, and begin. Raises as `EdgeRouter.stream` does."""
        from .rule import rule_of

        router = self._opened()
        rule = rule_of(choice_of(prompt.options), router.config, router.router.artifact)
        limits = constraints_of(prompt.options)
        stays = router.constraints().tightened(limits).own_machines_only
        request = request_of(prompt, fetches=not stays)
        return router.answer(request, limits, rule, whole=not stream, alone=self._expert)


class SyncModel(Shared, llm.Model):
    """A model whose answer is iterated; leaving the iteration cancels the answer."""

    def execute(
        self,
        prompt: Any,
        stream: bool,
        response: Any,
        conversation: Any,  # noqa: ARG002
    ) -> Iterator[StreamEvent]:
        joined = Joined()
        with self._begin(prompt, stream) as answer:
            for chunk in answer:
                joined.take(chunk)
                yield from _events(chunk)
        yield from _ended(joined, answer.record, response)


class AsyncModel(Shared, llm.AsyncModel):
    """A model whose answer runs in a thread of its own; cancelling the task cancels it."""

    async def execute(
        self,
        prompt: Any,
        stream: bool,
        response: Any,
        conversation: Any,  # noqa: ARG002
    ) -> AsyncGenerator[StreamEvent, None]:
        from edge_router.client.async_answer import AsyncAnswerStream

        joined = Joined()
        async with AsyncAnswerStream(partial(self._begin, prompt, stream)) as answer:
            async for chunk in answer:
                joined.take(chunk)
                for event in _events(chunk):
                    yield event
        for event in _ended(joined, answer.record, response):
            yield event


class RouterModel(SyncModel):
    """The router chooses who answers."""

    Options = RouterOptions


class AsyncRouterModel(AsyncModel):
    """The router chooses who answers."""

    Options = RouterOptions


class ExpertModel(SyncModel):
    """One expert, and no other steps in."""

    Options = ExpertOptions


class AsyncExpertModel(AsyncModel):
    """One expert, and no other steps in."""

    Options = ExpertOptions


def _events(chunk: ChatChunk) -> Iterator[StreamEvent]:
    """The thoughts and the text of a chunk; calls of tools come when they are whole."""
    if chunk.reasoning_content:
        yield StreamEvent("reasoning", chunk.reasoning_content)
    if chunk.delta:
        yield StreamEvent("text", chunk.delta)


def _ended(joined: Joined, record: AnswerRecord | None, response: Any) -> Iterator[StreamEvent]:
    """Note on llm's response who answered, why, and at what cost; give the calls of tools."""
    from edge_router.server.decision import outcome_of

    for call in joined.tool_calls:
        arguments = _arguments(call.name, call.arguments)
        response.add_tool_call(llm.ToolCall(call.name, arguments, call.id))
        yield StreamEvent("tool_call_name", call.name, tool_call_id=call.id)
        yield StreamEvent("tool_call_args", json.dumps(arguments), tool_call_id=call.id)
    if record is not None:
        response.response_json = outcome_of(record).extra
        response.set_resolved_model(record.answered_by)
        if record.usage is not None:
            usage = record.usage
            response.set_usage(input=usage.prompt_tokens, output=usage.completion_tokens)


def _arguments(name: str, text: str) -> dict[str, Any]:
    try:
        arguments = json.loads(text or "{}")
    except ValueError:
        arguments = None
    if not isinstance(arguments, dict):
        raise BackendProtocolError(f"the expert calls {name} with what is no JSON object")
    return arguments
