"""OpenAI's chat shape: conversations, requests, replies."""

from __future__ import annotations

from .completion import (
    ChatChunk,
    ChatCompletion,
    ChatRequest,
    Ending,
    FinishReason,
    Message,
    Prompt,
    TokenConfidence,
    Usage,
)
from .conversation import Role

__all__ = [
    "ChatChunk",
    "ChatCompletion",
    "ChatRequest",
    "Ending",
    "FinishReason",
    "Message",
    "Prompt",
    "Role",
    "TokenConfidence",
    "Usage",
]
