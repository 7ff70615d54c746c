"""Tool shortlist: of a request's many tools, the few that may be needed, in a stable order.

The order is that of the full list, whatever the scores: the prompt that an SLM reads begins alike
for similar requests, and its prefix cache survives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edge_router.routing.arrays import Places

from ..catalog.agent import NONE
from .scorer import AgentScorer, EmbeddedQuery, Ranking

__all__ = ["Shortlist", "shortlist"]

DEFAULT_SIZE = 5


@dataclass(frozen=True, slots=True, eq=False)
class Shortlist:
    """`names` in the catalogue's order, and their `ranking` by score."""

    names: tuple[str, ...]
    ranking: Ranking

    @property
    def choices(self) -> tuple[str, ...]:
        """The names, and "none" last."""
        return (*self.names, NONE)

    def tools(self, tools: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Those of a request's `tools` (OpenAI's or MCP's) that are on the list, in their order."""
        return [tool for tool in tools if _name(tool) in self.names]


def shortlist(
    scorer: AgentScorer,
    query: EmbeddedQuery,
    *,
    size: int = DEFAULT_SIZE,
    among: Sequence[int] | Places | None = None,
) -> Shortlist:
    """The `size` best agents, of those in rows `among` of the scorer's view; all by default."""
    ranking = scorer.rank(query, most=size, among=among)
    return Shortlist(tuple(sorted(ranking.names, key=scorer.place.__getitem__)), ranking)


def _name(tool: Mapping[str, Any]) -> Any:
    function = tool.get("function", tool)
    return function.get("name") if isinstance(function, Mapping) else None
