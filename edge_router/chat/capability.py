"""What an expert must be able to do for a request beside answering text, and how much to think."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

__all__ = ["Capability", "ReasoningEffort"]

ReasoningEffort = Literal["none", "minimal", "low", "medium", "high", "xhigh"]
"""How much to think before an answer, in OpenAI's words."""


class Capability(StrEnum):
    """What a request may need of an expert; each is a setting of experts of the same name."""

    TOOLS = "tools"
    JSON_SCHEMA = "json_schema"
    VISION = "vision"
    AUDIO = "audio"
    FILES = "files"
    REASONING = "reasoning"
    LOGPROBS = "logprobs"
