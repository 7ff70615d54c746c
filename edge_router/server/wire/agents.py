"""/v1/agents/route: which agent the last turn of a conversation is for. Nothing is run.

A body has `messages` as a chat has them, or `input`, a text; `state` is that of the decision
before, left out where a conversation begins; `events` are names such as "path_uploaded". The reply
is the decision: `agent` (null: a model should answer), `arguments`, `state`, `candidates`, why.
`model` and `user`, which clients of a chat send, say nothing here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edge_router.chat.request import ChatRequest
from edge_router.guards.redaction import quoted

from .errors import Refused

__all__ = ["AgentAsked", "agent_asked"]

FIELDS = frozenset({"messages", "input", "state", "events", "model", "user"})
MOST_EVENTS = 64


@dataclass(frozen=True, slots=True)
class AgentAsked:
    """A request, the state that its conversation is in as the decision before states it (None where
    it begins), and what happened since."""

    request: ChatRequest
    state: Mapping[str, Any] | None
    events: tuple[str, ...]


def agent_asked(body: Mapping[str, Any]) -> AgentAsked:
    """What a body asks. Raises Refused and InvalidRequest.

    A field of another name is refused: with a word misspelt a conversation would begin anew.
    """
    if unknown := sorted(body.keys() - FIELDS):
        words = f"the field {quoted(unknown[0])} is unknown; use {', '.join(sorted(FIELDS))}"
        raise Refused(400, words, code="unknown_parameter")
    messages, text = body.get("messages"), body.get("input")
    if (messages is None) == (text is None):
        raise Refused(400, "give messages, or input: a text", code="invalid_value")
    if messages is None:
        if not isinstance(text, str):
            words = f"input is {quoted(text)}; give a text"
            raise Refused(400, words, code="invalid_value", param="input")
        messages = [{"role": "user", "content": text}]
    state = body.get("state")
    if not isinstance(state, Mapping | None):
        words = f"state is {quoted(state)}; give the `state` of the decision before, an object"
        raise Refused(400, words, code="invalid_value", param="state")
    request = ChatRequest.from_openai({"messages": messages})
    return AgentAsked(request, state, _events(body.get("events")))


def _events(stated: Any) -> tuple[str, ...]:
    names = [] if stated is None else stated
    if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
        words = f"events is {quoted(stated)}; give a list of names"
        raise Refused(400, words, code="invalid_value", param="events")
    if len(names) > MOST_EVENTS:
        words = f"events has {len(names):,} names; give at most {MOST_EVENTS}"
        raise Refused(400, words, code="invalid_value", param="events")
    return tuple(names)
