"""The language models that are asked about agents, under the limits of one request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from edge_router.backends.base import Backend, asks_network
from edge_router.settings.constraints import Constraints, require_constraints

from ..cache import DecisionCache
from .chooser import AgentChooser

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
        chooser = _bound(self.chooser, constraints)
        writer = _bound(self.writer, constraints)
        whole = (chooser is None) == (self.chooser is None) and (writer is None) == (
            self.writer is None
        )
        return Models(chooser, writer, self.cache if whole else None)


def _bound(model: M | None, constraints: Constraints) -> M | None:
    """A model bound by `constraints`, where it knows limits (it has `under`): a model of this
    process costs nothing and asks nobody. None where it may not be asked."""
    if constraints.own_machines_only and asks_network(model):
        return None
    under = getattr(model, "under", None)
    limited: M | None = model if under is None else under(constraints)
    return limited
