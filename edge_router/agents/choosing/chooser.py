"""Choose among few agents by a language model: masked tokens locally, an enum schema remotely."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from edge_router.backends.base import Backend
from edge_router.backends.deadline import Deadline
from edge_router.backends.masked_choice import ChoosesNames, MaskedChoice
from edge_router.chat.completion import ChatRequest
from edge_router.chat.tools import ResponseFormat
from edge_router.guards.json_lines import BadJson, json_value
from edge_router.settings.constraints import Constraints

from ..catalog.agent import NONE, Agent
from .prompt import CONTENT_FREE, choice_request

__all__ = ["AgentChooser", "Choice", "MaskedChooser", "SchemaChooser", "bound"]

M = TypeVar("M")

CHOICE_TOKENS = 64


@dataclass(frozen=True, slots=True)
class Choice:
    """A name among the candidates, or "none"; `probabilities` of each, 0 for all others.

    `fault` says why an answer was not taken; the choice is then "none" with no probabilities.
    """

    name: str
    probabilities: Mapping[str, float]
    fault: str = ""


class AgentChooser(Protocol):
    """Chooses one of a few agents, or none."""

    def choose(
        self, agents: Sequence[Agent], text: str, *, deadline: Deadline, state: str = ""
    ) -> Choice:
        """Raises BackendError."""
        ...


class MaskedChooser:
    """A local model under a mask: it can write a candidate's name or "none", and nothing else. Its
    bias to some names is corrected. Thread-safe as that model is."""

    def __init__(self, backend: ChoosesNames, *, correct_bias: bool = True) -> None:
        self.inner = backend
        self._choice = MaskedChoice(backend, correct_bias=correct_bias)

    def choose(
        self, agents: Sequence[Agent], text: str, *, deadline: Deadline, state: str = ""
    ) -> Choice:
        names = (*(agent.name for agent in agents), NONE)
        asked = choice_request(agents, text, state)
        blank = choice_request(agents, CONTENT_FREE, state)
        shares = self._choice.shares(asked, blank, names, deadline=deadline)
        best = shares.index(max(shares))
        return Choice(names[best], dict(zip(names, shares, strict=True)))


class SchemaChooser:
    """Any expert, asked for JSON whose schema is an enum of the names. The answer is checked: a
    server may not enforce schemas."""

    def __init__(self, backend: Backend) -> None:
        self.inner = self._backend = backend

    def under(self, constraints: Constraints) -> SchemaChooser:
        """The same with an expert that is bound by `constraints`."""
        return SchemaChooser(bound(self._backend, constraints))

    def choose(
        self, agents: Sequence[Agent], text: str, *, deadline: Deadline, state: str = ""
    ) -> Choice:
        names = [*(agent.name for agent in agents), NONE]
        asked = choice_request(agents, text, state)
        request = ChatRequest(
            asked.messages,
            max_tokens=CHOICE_TOKENS,
            temperature=0.0,
            response_format=ResponseFormat("json_schema", "choice", _enum(names)),
        )
        said = self._backend.complete(request, deadline=deadline).text
        name = _named(said, names)
        if name is None:
            return Choice(NONE, {}, "the expert named no candidate")
        return Choice(name, {one: float(one == name) for one in names})


def bound(model: M, constraints: Constraints) -> M:
    """A chooser or a backend bound by `constraints`, where it knows limits (it has `under`): a
    model of this process costs nothing and asks nobody."""
    under = getattr(model, "under", None)
    limited: M = model if under is None else under(constraints)
    return limited


def _enum(names: Sequence[str]) -> dict[str, object]:
    return {
        "type": "object",
        "properties": {"name": {"type": "string", "enum": list(names)}},
        "required": ["name"],
        "additionalProperties": False,
    }


def _named(said: str, names: Sequence[str]) -> str | None:
    """The name in an answer, strictly: the object that was asked for, or the bare name."""
    text = said.strip().strip("`").removeprefix("json").strip()
    try:
        value = json_value(text)
    except BadJson:
        value = text
    name = value.get("name") if isinstance(value, dict) and len(value) == 1 else value
    return name if isinstance(name, str) and name in names else None
