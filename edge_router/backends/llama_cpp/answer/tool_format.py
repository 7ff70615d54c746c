"""The form in which a model file's chat template asks for calls of tools.

Two forms are read: a call between <tool_call> marks (Qwen, Hermes, SmolLM3 and others), and one
JSON object with "parameters" (Llama 3). A file with another form, or with none, calls no tools.
"""

from __future__ import annotations

import re
from enum import StrEnum

from edge_router.errors import EdgeRouterError

from ..gguf import read_header
from ..model_files import BUNDLED_MODEL, find_model

__all__ = ["TEMPLATE", "ToolFormat", "calls_tools", "tool_format"]

TEMPLATE = "tokenizer.chat_template"
READS_TOOLS = re.compile(r"\{[{%][^}]*\btools\b")
OTHER_MARKUP = ("<function=", "<arg_key>", "[TOOL_CALLS]", "functools[", "<|tool_calls_section")


class ToolFormat(StrEnum):
    """How a model writes a call of a tool."""

    MARKED = "marked"  # <tool_call>\n{"name": ..., "arguments": {...}}\n</tool_call>
    BARE = "bare"  # {"name": ..., "parameters": {...}}

    @property
    def arguments(self) -> str:
        """The key of the arguments."""
        return "arguments" if self is ToolFormat.MARKED else "parameters"


def tool_format(template: str) -> ToolFormat | None:
    """The form that a chat template in Jinja asks for, None where it knows no tools or asks for
    a form that is not read here."""
    if not READS_TOOLS.search(template) or any(mark in template for mark in OTHER_MARKUP):
        return None
    if "<tool_call>" in template and "arguments" in template:
        return ToolFormat.MARKED
    return ToolFormat.BARE if '"parameters"' in template and '"name"' in template else None


def calls_tools(model: str) -> bool:
    """Whether the GGUF file called `model` has a chat template for calls of tools; False for one
    that cannot be read, which is reported where it is opened."""
    if model == BUNDLED_MODEL:  # it has none, and its header takes a sixth of a second
        return False
    try:
        template = read_header(find_model(model)).facts.get(TEMPLATE)
    except EdgeRouterError:
        return False
    return isinstance(template, str) and tool_format(template) is not None
