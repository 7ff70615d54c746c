"""OpenAI's chat shape: conversations, requests, replies."""

from __future__ import annotations

from .capability import Capability
from .completion import (
    ChatChunk,
    ChatCompletion,
    Ending,
    FinishReason,
    TokenConfidence,
    TokenLogprob,
    ToolCallDelta,
    Usage,
)
from .conversation import Role
from .message import Message, Part, ToolCall
from .request import ChatRequest, Prompt, ReasoningEffort
from .tools import NamedTool, ResponseFormat, Tool, ToolChoice

__all__ = [
    "Capability",
    "ChatChunk",
    "ChatCompletion",
    "ChatRequest",
    "Ending",
    "FinishReason",
    "Message",
    "NamedTool",
    "Part",
    "Prompt",
    "ReasoningEffort",
    "ResponseFormat",
    "Role",
    "TokenConfidence",
    "TokenLogprob",
    "Tool",
    "ToolCall",
    "ToolCallDelta",
    "ToolChoice",
    "Usage",
]
