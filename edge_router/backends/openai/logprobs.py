"""Log-probabilities of tokens in a choice of a reply. No I/O."""

from __future__ import annotations

import math
from typing import Any

from edge_router.chat.completion import TokenLogprob

from .events import joined

__all__ = ["token_logprobs"]

MOST_TOP = 64


def token_logprobs(stated: object) -> tuple[TokenLogprob, ...]:
    """Those of the tokens of the text or of a refusal; what is no such entry is left out."""
    if not isinstance(stated, dict):
        return ()
    entries = stated.get("content") or stated.get("refusal")
    if not isinstance(entries, list):
        return ()
    read = ((_pair(one), one) for one in entries)
    return tuple(TokenLogprob(*pair, _top(one)) for pair, one in read if pair is not None)


def _top(entry: dict[str, Any]) -> tuple[tuple[str, float], ...]:
    top = entry.get("top_logprobs")
    pairs = map(_pair, top[:MOST_TOP]) if isinstance(top, list) else ()
    return tuple(pair for pair in pairs if pair is not None)


def _pair(entry: object) -> tuple[str, float] | None:
    """A token and its log-probability, None for what is none."""
    if not isinstance(entry, dict):
        return None
    token, logprob = entry.get("token"), entry.get("logprob")
    if not isinstance(token, str) or not isinstance(logprob, (int, float)):
        return None
    return (joined(token), float(logprob)) if math.isfinite(logprob) else None
