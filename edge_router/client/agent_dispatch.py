"""Dispatch of a request to an agent: what the client needs of a router of agents, and its result.

The client knows agents by this interface alone; the room `agents` stands above it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Generic, Protocol, TypeVar

from edge_router.backends.deadline import Deadline
from edge_router.chat.request import ChatRequest
from edge_router.settings.constraints import Constraints, Placement

from .answer import Answer

__all__ = ["UNSET", "Asked", "D", "Dispatched", "RoutesAgents", "called", "decided"]

UNSET: Final = object()
"""The state of a conversation that begins."""


class DecidesAgent(Protocol):
    """A decision about a request: an agent's name or None, and its arguments or None."""

    @property
    def agent(self) -> str | None: ...

    @property
    def arguments(self) -> Mapping[str, Any] | None: ...


D = TypeVar("D", bound=DecidesAgent)
D_co = TypeVar("D_co", bound=DecidesAgent, covariant=True)


class RoutesAgents(Protocol[D_co]):
    """A router of agents. Raises EdgeRouterError."""

    @property
    def route(self) -> Callable[..., D_co]:
        """Takes a prompt, `state`, `events`, `deadline`, and `constraints` that bind the language
        models it asks."""
        ...


@dataclass(frozen=True, slots=True)
class Dispatched(Generic[D]):
    """What became of a request: its `decision`, and the model's `answer` where no agent was meant,
    or the `result` of the agent's callable if `was_called`."""

    decision: D
    answer: Answer | None = None
    result: Any = None
    was_called: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """What a router of agents is asked; without a `state` (UNSET), a conversation begins."""

    request: ChatRequest
    state: object
    events: Sequence[str]
    deadline: Deadline


def decided(agents: RoutesAgents[D], asked: Asked, limits: Constraints, *, is_private: bool) -> D:
    """The decision of `agents`, whose language models are bound by the `limits` too.

    No gate stands before those: what is private stays on this device.
    """
    if is_private:
        limits = replace(limits, placement=Placement.ONLY_ON_DEVICE)
    known: dict[str, Any] = {} if asked.state is UNSET else {"state": asked.state}
    return agents.route(
        asked.request, events=asked.events, deadline=asked.deadline, constraints=limits, **known
    )


def called(decision: D, callables: Mapping[str, Callable[..., object]]) -> Dispatched[D]:
    """The result of the agent's callable, if there is one and its arguments are complete."""
    work = callables.get(decision.agent or "")
    if work is None or decision.arguments is None:
        return Dispatched(decision)
    return Dispatched(decision, result=work(**decision.arguments), was_called=True)
