"""Signals of a tool loop, read without a model: is it stuck, and does it explore or produce?

They say when the expert that drives a `ToolLoop` should give way to a stronger one. Within it an
expert stays: at most one step up, none down, so that neither the prefix cache nor the style of the
work changes at every call.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from edge_router.chat.message import Message
from edge_router.guards.json_lines import BadJson, json_value

__all__ = ["LoopLevel", "Step", "StepSignals", "says_error", "steps_of"]

WINDOW = 8  # the last calls, which are looked at
FAILED = ("error", "traceback (most recent call last)")
STUCK_ERRORS = 3  # failed calls in the window
STUCK_REPEATS = 3  # times that one call was made in the window
EXPLORING = frozenset(
    "browse check describe exists fetch find get glob grep inspect list look ls open query read "
    "retrieve scan search show stat status view".split()
)
PRODUCING = frozenset(
    "add apply append book build commit create delete deploy edit execute insert install make move "
    "patch post put remove rename replace run save send set submit update upload write".split()
)


@dataclass(frozen=True, slots=True)
class Step:
    """One call of a loop: the tool's name, its arguments, and whether it failed."""

    name: str
    arguments: Any = field(default_factory=dict)
    failed: bool = False

    @property
    def key(self) -> str:
        """Equal for two calls that do the same."""
        return f"{self.name} {json.dumps(self.arguments, sort_keys=True, default=str)}"

    @property
    def words(self) -> frozenset[str]:
        letters = "".join(c if c.islower() or c.isdigit() else f" {c}" for c in self.name)
        return frozenset("".join(c if c.isalnum() else " " for c in letters).lower().split())


def steps_of(messages: Sequence[Message]) -> tuple[Step, ...]:
    """The calls of tools in the last turn of a conversation, those without a result left out.

    Which calls failed, `says_error` tells.
    """
    users = [at for at, one in enumerate(messages) if one.role == "user"]
    turn = messages[users[-1] if users else 0 :]
    calls = {call.id: call for one in turn for call in one.tool_calls}
    results = ((calls.get(one.tool_call_id or ""), one.text) for one in turn if one.role == "tool")
    return tuple(
        Step(call.name, _value(call.arguments), failed=says_error(text))
        for call, text in results
        if call is not None
    )


def says_error(text: str) -> bool:
    """Whether the result of a call is an error: it begins with "error", or is a JSON object with an
    `error` or with `isError` (MCP)."""
    value = _value(text)
    if isinstance(value, dict):
        return bool(value.get("error") or value.get("isError"))
    return text.lstrip().lower().startswith(FAILED)


def _value(text: str) -> Any:
    try:
        return json_value(text)
    except BadJson:
        return text


@dataclass(frozen=True, slots=True)
class StepSignals:
    """Counts over the last WINDOW calls. `repeats` is how often the most frequent one was made."""

    calls: int = 0
    errors: int = 0
    repeats: int = 0
    exploring: int = 0
    producing: int = 0

    @classmethod
    def of(cls, calls: Sequence[Step]) -> Self:
        last = calls[-WINDOW:]
        return cls(
            len(last),
            sum(call.failed for call in last),
            max(Counter(call.key for call in last).values(), default=0),
            sum(bool(call.words & EXPLORING) and not call.words & PRODUCING for call in last),
            sum(bool(call.words & PRODUCING) for call in last),
        )

    @property
    def is_stuck(self) -> bool:
        """Whether calls fail or repeat themselves."""
        return self.errors >= STUCK_ERRORS or self.repeats >= STUCK_REPEATS

    @property
    def words(self) -> str:
        """The counts, for people."""
        stuck = ", stuck" if self.is_stuck else ""
        phase = f", {self.phase}" if self.phase else ""
        return f"{self.calls} calls, {self.errors} failed, one {self.repeats} times{phase}{stuck}"

    @property
    def phase(self) -> str:
        """ "exploring", "producing", or "" where neither leads."""
        if self.exploring == self.producing:
            return ""
        return "exploring" if self.exploring > self.producing else "producing"


@dataclass(frozen=True, slots=True)
class LoopLevel:
    """The level of the expert in one loop, 0 the weakest of `levels`, and where the loop began."""

    level: int
    start: int
    levels: int

    @classmethod
    def begin(cls, level: int, *, levels: int) -> Self:
        """A new loop, by the expert that routing chose for its request."""
        inside = min(max(level, 0), levels - 1)
        return cls(inside, inside, levels)

    def next(self, signals: StepSignals) -> LoopLevel:
        """After more calls: one step up where the loop is stuck and has not stepped yet."""
        up = min(self.start + 1, self.levels - 1)
        return self.raised(up) if signals.is_stuck else self

    def raised(self, level: int) -> LoopLevel:
        """At `level` if that is higher: a stronger expert has taken an answer over."""
        inside = min(max(level, self.level), self.levels - 1)
        return LoopLevel(inside, self.start, self.levels)
