"""What a language model reads to choose an agent or to fill in its arguments.

The agents stand first and in a stable order, the request last: the prefix cache of a local model
keeps the part that does not change.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from edge_router.chat.completion import ChatRequest, Message
from edge_router.chat.tools import ResponseFormat

from ..catalog.agent import MAX_SPOKEN, NONE, Agent

__all__ = ["CONTENT_FREE", "arguments_request", "choice_request"]

CONTENT_FREE = "N/A"
"""A request without content: what a model chooses for it is its bias for some names."""

MAX_DESCRIPTION = 200  # characters of a description
MAX_EXAMPLE = 120
SHOWN_EXAMPLES = 2  # of each agent
MAX_REQUEST = 2000  # characters: the first and the last half of a longer request
ARGUMENT_TOKENS = 256


def choice_request(agents: Sequence[Agent], text: str, state: str = "") -> ChatRequest:
    """Asks for the name of the agent that does what `text` asks, or "none" (equation 26)."""
    listed = "\n".join(_line(agent) for agent in agents)
    system = (
        "Choose the tool that does what the user asks. Answer with its name alone, or with "
        f'"{NONE}" if no tool does it.\n\nTools:\n{listed}\n- {NONE}: anything else'
    )
    if state:
        system += f"\n\nThe conversation is about: {state}"
    return ChatRequest(
        (Message("system", system), Message("user", _cut(text, MAX_REQUEST))), temperature=0.0
    )


def arguments_request(agent: Agent, text: str) -> ChatRequest:
    """Asks for the arguments of an agent as JSON that fits its schema."""
    schema = json.dumps(agent.input_schema, ensure_ascii=False)
    described = " ".join(agent.description[:MAX_SPOKEN].split())
    system = (
        f"Write the arguments for the tool {agent.name} as JSON. {described}\n"
        f"JSON schema: {schema}\nUse only what the user says."
    )
    return ChatRequest(
        (Message("system", system), Message("user", _cut(text, MAX_REQUEST))),
        max_tokens=ARGUMENT_TOKENS,
        temperature=0.0,
        response_format=ResponseFormat("json_schema", "arguments", agent.input_schema),
    )


def _line(agent: Agent) -> str:
    described = " ".join(agent.description[:MAX_DESCRIPTION].split())
    shown = "; ".join(
        " ".join(one[:MAX_EXAMPLE].split()) for one in agent.examples[:SHOWN_EXAMPLES]
    )
    line = f"- {agent.name}"
    line += f": {described}" if described else ""
    return line + (f" (such as: {shown})" if shown else "")


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most // 2]}\n{text[-most // 2 :]}"
