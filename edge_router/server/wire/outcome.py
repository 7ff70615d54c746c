"""What is known of an answer beside its pieces, in the words that all replies share."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edge_router.chat.completion import Usage

__all__ = ["Outcome", "head_json", "usage_json"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """An answer's `id`, which is that of its decision, and the expert that gave it, which a reply
    names as its `model`; `usage` is None where the expert gave none. `extra` are fields beyond
    OpenAI's."""

    id: str
    model: str
    usage: Usage | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


def head_json(of: Outcome, *, prefix: str, kind: str) -> dict[str, Any]:
    """The fields that a completion, and each chunk of one, begins with."""
    created = int(time.time())
    return {"id": f"{prefix}-{of.id}", "object": kind, "created": created, "model": of.model}


def usage_json(usage: Usage | None) -> dict[str, Any] | None:
    """OpenAI's count of tokens, None where there is none; of those read before only where the
    expert says it."""
    if usage is None:
        return None
    counts = {"prompt_tokens": usage.prompt_tokens, "completion_tokens": usage.completion_tokens}
    details: dict[str, Any] = {}
    if usage.cached_tokens is not None:
        details["prompt_tokens_details"] = {"cached_tokens": usage.cached_tokens}
    return counts | {"total_tokens": usage.total_tokens} | details
