"""What is known of the experts and of this device at the moment of one query."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .latency import AS_STATED, ExpertState
from .policy import Reason

__all__ = ["Snapshot"]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`states` by expert, those without one are as their settings say; `doubts` are reasons not to
    ask an expert as long as somebody else may answer. `tokens` are those of the request's system
    messages and last turn, as the experts count them whose tokenizer is at hand."""

    states: Mapping[str, ExpertState] = field(default_factory=dict)
    doubts: Mapping[str, Reason] = field(default_factory=dict)
    tokens: Mapping[str, int] = field(default_factory=dict)

    def state(self, expert: str) -> ExpertState:
        """What is known of an expert, by its name."""
        return self.states.get(expert, AS_STATED)
