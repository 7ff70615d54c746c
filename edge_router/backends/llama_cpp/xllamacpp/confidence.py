"""A model's confidence in its tokens, from the log-probabilities that xllamacpp's server gives."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from edge_router.chat.completion import TokenConfidence

from ..confidence import ConfidenceTally

__all__ = ["LogprobMeter"]


@dataclass(slots=True, eq=False)
class LogprobMeter:
    """One per answer. Like `ConfidenceMeter` it counts a token when the next one comes, and never
    the last one before the length limit; entropies are lower bounds, from the likeliest tokens and
    the rest as if it were as likely as the last of those. Not thread-safe."""

    _tally: ConfidenceTally = field(default_factory=ConfidenceTally)
    _last: tuple[float, float, float] | None = None

    def take(self, stated: Any, *, ended: bool) -> None:
        """What the server says of the tokens of one piece; `ended` by the model itself."""
        for entry in (stated or {}).get("content") or ():
            self._count_last()
            self._last = _figures(entry)
        if ended:
            self._count_last()

    def so_far(self) -> TokenConfidence | None:
        return self._tally.so_far()

    def _count_last(self) -> None:
        if self._last is not None:
            self._tally.count(*self._last)
        self._last = None


def _figures(entry: Any) -> tuple[float, float, float]:
    """Log-probability, entropy and margin of a token."""
    top = [float(one["logprob"]) for one in entry["top_logprobs"]]
    shares = [math.exp(one) for one in top]
    rest = max(0.0, 1.0 - math.fsum(shares))
    known = -math.fsum(share * one for share, one in zip(shares, top, strict=True) if share > 0)
    entropy = known - rest * max(top[-1], -80.0)
    return float(entry["logprob"]), entropy, shares[0] - shares[1]
