"""Calls of tools in a reply's deltas, as servers write them, become ours. No I/O.

OpenAI gives each call an index, and its id and name with its first piece. Other servers leave the
index out, give all calls the index 0 or the same id, send no id, repeat the name, or send arguments
as an object.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from edge_router.chat.completion import ToolCallDelta

from .events import Malformed, joined, split_pair

__all__ = ["CallReader"]

MOST_CALLS = 128
LONGEST_NAME = 256


@dataclass(slots=True, eq=False)
class _Call:
    """One call so far: its id and name as given out, the id that the server `stated`, and half a
    surrogate pair, if any."""

    id: str
    name: str
    stated: str
    half: str = ""


@dataclass(slots=True, eq=False)
class CallReader:
    """Reads the calls of one answer. Not thread-safe."""

    calls: list[_Call] = field(default_factory=list)
    _places: dict[int, int] = field(default_factory=dict)  # the server's index -> ours

    def take(self, delta: Mapping[str, Any], *, whole: bool = False) -> tuple[ToolCallDelta, ...]:
        """What `delta` adds, or a `whole` message, in which no call is in pieces. Raises Malformed
        for what is no call."""
        return tuple(self._taken(delta, whole=whole))

    def _taken(self, delta: Mapping[str, Any], *, whole: bool) -> Iterator[ToolCallDelta]:
        stated = delta.get("tool_calls") or ()
        if isinstance(stated, dict):
            stated = [stated]
        if not isinstance(stated, (list, tuple)):
            raise Malformed(f"tool_calls is not a list but {type(stated).__name__}")
        for one in stated:
            if one is not None:
                yield from self._call(one, whole=whole)
        old = delta.get("function_call")  # OpenAI's old form: one call, without index and id
        if isinstance(old, dict) and not stated:  # llama-cpp-python says the same in both forms
            yield from self._call({"index": 0, "function": old}, whole=whole)

    def _call(self, stated: Any, *, whole: bool) -> Iterator[ToolCallDelta]:
        function = stated.get("function") if isinstance(stated, dict) else None
        if not isinstance(function, dict):
            raise Malformed("a call of a tool has no function")
        identity, name = _text(stated.get("id")), _text(function.get("name"))
        new = len(self.calls)
        place = new if whole else self._place(stated.get("index"), identity, name)
        arguments = _arguments(function.get("arguments"))
        if place < new:
            call = self.calls[place]
            text, call.half = split_pair(call.half + arguments)
            if text:
                yield ToolCallDelta(place, arguments=text)
            return
        if not name or len(name) > LONGEST_NAME:
            raise Malformed("a call of a tool has no name")
        if new >= MOST_CALLS:
            raise Malformed(f"the answer calls more than {MOST_CALLS} tools")
        text, half = split_pair(arguments)
        given = joined(identity)
        if not given or any(call.id == given for call in self.calls):
            given = f"call_{uuid.uuid4().hex[:24]}"
        self.calls.append(_Call(given, joined(name), identity, half))
        yield ToolCallDelta(place, given, joined(name), text)

    def _place(self, index: object, identity: str, name: str) -> int:
        """The place of the call that a piece belongs to; that of a new one is one beyond."""
        new, numbered = len(self.calls), type(index) is int
        same = [at for at, call in enumerate(self.calls) if identity and call.stated == identity]
        at = self._places.get(index) if type(index) is int else None
        if at in same:
            return at
        if same and not (numbered and at is None and name):
            return same[0]
        if at is not None and not (identity and name):
            return at
        if not (numbered or identity or name) and self.calls:
            return new - 1
        if type(index) is int:
            self._places[index] = new
        return new

    def rest(self) -> tuple[ToolCallDelta, ...]:
        """What was held back of the arguments, at the end of the answer."""
        halves = [(at, call.half) for at, call in enumerate(self.calls) if call.half]
        return tuple(ToolCallDelta(at, arguments=joined(half)) for at, half in halves)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _arguments(stated: object) -> str:
    """Arguments are JSON in a text; some servers send the object itself."""
    if stated is None:
        return ""
    if isinstance(stated, str):
        return stated
    if isinstance(stated, (dict, list)):
        return json.dumps(stated, ensure_ascii=False)
    raise Malformed(f"the arguments of a call are not text but {type(stated).__name__}")
