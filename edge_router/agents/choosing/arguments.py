"""An agent's arguments from a request, written by an expert under the agent's JSON schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edge_router.backends.base import Backend
from edge_router.backends.deadline import Deadline
from edge_router.guards.json_lines import BadJson, json_value

from ..catalog.agent import Agent
from ..catalog.schema import schema_faults
from .prompt import arguments_request

__all__ = ["Arguments", "filled_arguments"]


@dataclass(frozen=True, slots=True)
class Arguments:
    """Arguments that fit the schema, or None and the `faults` of what was written."""

    values: Mapping[str, Any] | None
    faults: tuple[str, ...] = field(default=())


def filled_arguments(backend: Backend, agent: Agent, text: str, *, deadline: Deadline) -> Arguments:
    """The arguments of `agent` for a request. No expert is asked about an agent without parameters.

    A local model writes under a grammar, so that only its length limit can spoil them; what a
    remote one writes is checked. Raises BackendError.
    """
    if not agent.input_schema.get("properties"):
        return Arguments({})
    said = backend.complete(arguments_request(agent, text), deadline=deadline).text
    try:
        value = json_value(said.strip().strip("`").removeprefix("json").strip())
    except BadJson as error:
        return Arguments(None, (f"what was written {error}"[:200],))
    if faults := schema_faults(value, agent.input_schema):
        return Arguments(None, tuple(faults))
    if not isinstance(value, dict):
        return Arguments(None, ("it must be of type object",))
    return Arguments(value)
