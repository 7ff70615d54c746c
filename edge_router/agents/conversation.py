"""A conversation in a file, routed turn by turn: its states, and what its calls of tools say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edge_router.chat.message import Message, messages_of
from edge_router.errors import InvalidAgent, InvalidRequest
from edge_router.guards.bounded_file import read_text
from edge_router.guards.json_lines import BadJson, json_value

from .decision import AgentDecision
from .router import AgentRouter
from .states.state_machine import START
from .states.step_signals import StepSignals, steps_of

__all__ = ["RoutedTurn", "read_conversation", "routed_turns"]

MAX_FILE_BYTES = 1 << 24
MOST_TURNS = 1_000  # of the user


@dataclass(frozen=True, slots=True)
class RoutedTurn:
    """The decision about a turn of the user, from 1, and the signals of the calls in it."""

    number: int
    decision: AgentDecision
    signals: StepSignals

    def to_json(self) -> dict[str, Any]:
        """For machines; holds nothing of the messages but the arguments."""
        stuck, phase = self.signals.is_stuck, self.signals.phase
        signals = asdict(self.signals) | {"is_stuck": stuck, "phase": phase}
        return {"turn": self.number, **self.decision.to_json(), "signals": signals}


def read_conversation(path: Path) -> tuple[Message, ...]:
    """The messages of a JSON file: a list as OpenAI's chat API has it, or an object with such a
    list as "messages". Raises InvalidAgent for anything else, and where the user says nothing."""
    text = read_text(path, InvalidAgent, most=MAX_FILE_BYTES)
    try:
        stated = json_value(text)
        messages = messages_of(stated.get("messages") if isinstance(stated, Mapping) else stated)
    except BadJson as error:
        raise InvalidAgent(f"{path} holds no conversation: it {error}") from None
    except InvalidRequest as error:
        raise InvalidAgent(f"{path} holds no conversation: {error}") from None
    turns = sum(one.role == "user" for one in messages)
    if not 1 <= turns <= MOST_TURNS:
        raise InvalidAgent(f"{path} has {turns:,} turns of the user; give 1 to {MOST_TURNS:,}")
    return messages


def routed_turns(
    router: AgentRouter, messages: Sequence[Message], *, events: Sequence[str] = ()
) -> Iterator[RoutedTurn]:
    """Every turn of the user, routed in the state that the one before left; the first begins at
    START. `events` are those of the last turn. Raises as `AgentRouter.route` does."""
    starts = [at for at, one in enumerate(messages) if one.role == "user"]
    ends = [*starts[1:], len(messages)]
    state = START
    for number, (start, end) in enumerate(zip(starts, ends, strict=True), 1):
        happened = events if number == len(starts) else ()
        decision = router.route(messages[: start + 1], state=state, events=happened)
        state = decision.state
        yield RoutedTurn(number, decision, StepSignals.of(steps_of(messages[:end])))
