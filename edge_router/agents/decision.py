"""The decision about a request: which agent, with which arguments, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from .states.state_machine import START, ConversationState

__all__ = ["AgentDecision", "AgentReason", "Candidate"]


class AgentReason(StrEnum):
    """Why an agent was chosen, or none. Stable codes."""

    SIMILARITY = "similarity"
    HEAD = "head"
    LANGUAGE_MODEL = "language_model"
    OUT_OF_SCOPE = "out_of_scope"
    NO_AGENT_IN_STATE = "no_agent_in_state"


WORDS = {
    AgentReason.SIMILARITY: "nearest by embedding",
    AgentReason.HEAD: "most probable by the head fitted to examples",
    AgentReason.LANGUAGE_MODEL: "chosen by the language model among the candidates",
    AgentReason.OUT_OF_SCOPE: "no agent is meant: a model answers",
    AgentReason.NO_AGENT_IN_STATE: "no agent may be called in this state: a model answers",
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """An agent that was considered. `score` as in `Ranking`; `chosen` is its probability by the
    language model, None where none was asked."""

    name: str
    score: float
    similarity: float
    chosen: float | None = None


@dataclass(frozen=True, slots=True)
class AgentDecision:
    """`agent` is None where a model should answer.

    `arguments` fit the agent's schema; None where they were not asked for, or could not be written
    (`faults` says why). `in_scope` is the probability that an agent is meant, None where that was
    not calibrated. `state` is where the conversation stands now: give it to the next call; `before`
    is the one that was given.
    `cached` says where the decision came from: "exact", "semantic" or "".
    """

    agent: str | None
    reason: AgentReason
    candidates: tuple[Candidate, ...] = ()
    confidence: float = 0.0
    in_scope: float | None = None
    state: ConversationState = START
    before: ConversationState = START
    categories: tuple[str, ...] = ()
    arguments: Mapping[str, Any] | None = None
    faults: tuple[str, ...] = field(default=())
    cached: str = ""

    @property
    def words(self) -> str:
        """The reason for people."""
        return WORDS[self.reason] + (f" (from the {self.cached} cache)" if self.cached else "")

    @property
    def state_words(self) -> str:
        """Where the conversation stood, where it stands, and why, for people."""
        now = f"{self.state.name} ({self.state.reason})"
        return now if self.before.atoms == self.state.atoms else f"{self.before.name} -> {now}"

    def to_json(self) -> dict[str, Any]:
        """For machines; holds nothing of the request but the arguments."""
        fields = asdict(self)
        for key, state in (("state", self.state), ("before", self.before)):
            fields[key]["name"] = state.name
        return fields | {"reason": str(self.reason)}
