"""Capabilities: what an expert must be able to do for a request, beside answering text."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Capability"]


class Capability(StrEnum):
    """What a request may need of an expert; each is a setting of experts of the same name."""

    TOOLS = "tools"
    JSON_SCHEMA = "json_schema"
    VISION = "vision"
    AUDIO = "audio"
    FILES = "files"
    REASONING = "reasoning"
    LOGPROBS = "logprobs"
