"""Levels of thinking: which a request leaves open, and which have room to think and to answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

from edge_router.chat.capability import ReasoningEffort
from edge_router.chat.request import NO_THOUGHT, ChatRequest

from ..experts.expert import Expert
from .reason import Reason

__all__ = ["ThinkingLevels"]


@dataclass(frozen=True, slots=True)
class ThinkingLevels:
    """What experts think: by name the `reasoning_effort` of each that is a level, and the tokens
    that thinking takes. One that is no level thinks as much as a request states."""

    efforts: Mapping[str, ReasoningEffort]
    thoughts: Mapping[str, float]

    @classmethod
    def of(cls, experts: Iterable[Expert]) -> Self:
        experts = tuple(experts)
        levels = (e for e in experts if e.level_of is not None)
        efforts = {e.name: e.reasoning_effort for e in levels if e.reasoning_effort is not None}
        return cls(efforts, {e.name: e.thought_tokens for e in experts if e.thought_tokens})

    def others(self, request: ChatRequest) -> Mapping[str, Reason]:
        """The experts that think more or less than the request states, if it states anything."""
        stated = request.reasoning_effort
        if stated is None:
            return {}
        return {n: Reason.OTHER_THINKING for n, e in self.efforts.items() if not _same(e, stated)}

    def without_room(self, request: ChatRequest) -> Mapping[str, Reason]:
        """The experts that would think up to the end of the answer, so that it would be empty."""
        most = request.max_tokens
        return {n: Reason.NO_ROOM_TO_THINK for n, tokens in self.thoughts.items() if tokens >= most}


def _same(one: ReasoningEffort, other: ReasoningEffort) -> bool:
    """Whether two efforts are the same; not to think has two names."""
    return one == other or (one in NO_THOUGHT and other in NO_THOUGHT)
