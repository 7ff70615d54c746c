"""The language models that are asked about agents, under the limits of one request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from edge_router.backends.base import Backend, asks_network
from edge_router.settings.constraints import Constraints, require_constraints

from ..cache import DecisionCache
from .chooser import AgentChooser, bound

__all__ = ["Models"]

M = TypeVar("M")


@dataclass(frozen=True, slots=True)
class Models:
    """Who chooses among agents, who writes their arguments, and the cache of what was decided."""

    chooser: AgentChooser | None
    writer: Backend | None
    cache: DecisionCache | None

    def under(self, constraints: Constraints | None) -> Models:
        """The same, bound by `constraints`. Where these keep a request on the user's own machines,
        without models that are asked over the network, and then without the cache."""
        if constraints is None:
            return self
        require_constraints(constraints)
        models = self.chooser, self.writer
        loses_one = constraints.own_machines_only and any(map(asks_network, models))
        return Models(
            _allowed(self.chooser, constraints),
            _allowed(self.writer, constraints),
            None if loses_one else self.cache,
        )


def _allowed(model: M | None, constraints: Constraints) -> M | None:
    """A model under `constraints`, None where it may not be asked."""
    if model is None or (constraints.own_machines_only and asks_network(model)):
        return None
    return bound(model, constraints)
