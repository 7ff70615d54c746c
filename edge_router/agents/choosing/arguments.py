"""An agent's arguments from a request, written by an expert under the agent's JSON schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from edge_router.backends.base import Backend
from edge_router.backends.deadline import Deadline
from edge_router.errors import BackendRejected
from edge_router.guards.json_lines import BadJson, json_value

from ..catalog.agent import Agent
from ..catalog.schema import schema_faults
from ..decision import AgentDecision
from .prompt import arguments_request

__all__ = ["Arguments", "filled_arguments", "unasked_arguments", "with_arguments"]

SHAPING = ("properties", "patternProperties", "$ref", "anyOf", "oneOf", "allOf", "enum", "const")


@dataclass(frozen=True, slots=True)
class Arguments:
    """Arguments that fit the schema, or None and the `faults` of what was written."""

    values: Mapping[str, Any] | None
    faults: tuple[str, ...] = field(default=())


def unasked_arguments(agent: Agent) -> Mapping[str, Any] | None:
    """The empty arguments of an agent without parameters; None for one that has some."""
    schema = agent.input_schema
    extra = schema.get("additionalProperties")
    if (isinstance(extra, Mapping) and extra) or any(schema.get(key) for key in SHAPING):
        return None
    return None if schema_faults({}, schema) else {}


def filled_arguments(backend: Backend, agent: Agent, text: str, *, deadline: Deadline) -> Arguments:
    """The arguments of `agent` for a request. No expert is asked about an agent without parameters.

    A local model writes under a grammar, so that only its length limit can spoil them; what a
    remote one writes is checked. A schema that an expert refuses is a fault too. Raises
    BackendError.
    """
    if (empty := unasked_arguments(agent)) is not None:
        return Arguments(empty)
    try:
        said = backend.complete(arguments_request(agent, text), deadline=deadline).text
    except BackendRejected as error:
        return Arguments(None, (f"the expert refuses to write them: {error}"[:200],))
    try:
        value = json_value(said.strip().strip("`").removeprefix("json").strip())
    except BadJson as error:
        return Arguments(None, (f"what was written {error}"[:200],))
    if faults := schema_faults(value, agent.input_schema):
        return Arguments(None, tuple(faults))
    if not isinstance(value, dict):
        return Arguments(None, ("it must be of type object",))
    return Arguments(value)


def with_arguments(
    decision: AgentDecision,
    agent: Agent | None,
    text: str,
    *,
    writer: Backend | None,
    deadline: Deadline,
) -> AgentDecision:
    """The decision for `agent` with arguments, where it has none yet and they can be had.

    Raises BackendError.
    """
    if agent is None or decision.arguments is not None:
        return decision
    if writer is None:
        return replace(decision, arguments=unasked_arguments(agent))
    filled = filled_arguments(writer, agent, text, deadline=deadline)
    return replace(decision, arguments=filled.values, faults=filled.faults)
