"""A model's confidence in each token, from the logits that the token is chosen by."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import numpy.typing as npt

from edge_router.chat.completion import TokenConfidence

__all__ = ["ConfidenceMeter", "ConfidenceTally", "Distribution"]

FLOOR = -80.0  # nats below the best token: a probability of nothing, but never minus infinity


@dataclass(frozen=True, slots=True, eq=False)
class Distribution:
    """The distribution of the next token: `logits` (vocabulary,) less the largest.

    `entropy` in nats; `margin` is the best probability less the second best, 0..1.
    """

    logits: npt.NDArray[np.float32]
    log_total: float
    entropy: float
    margin: float

    @classmethod
    def of(cls, logits: npt.NDArray[np.float32]) -> Self:
        """The softmax of `logits` (vocabulary,), of which at least two."""
        shifted = np.maximum(logits - logits.max(), np.float32(FLOOR))
        weights = np.exp(shifted)
        total = float(weights.sum())
        log_total = math.log(total)
        entropy = max(0.0, log_total - float(weights @ shifted) / total)
        weights[shifted.argmax()] = 0.0  # its weight was 1
        return cls(shifted, log_total, entropy, (1.0 - float(weights.max())) / total)

    def log_probability(self, token: int) -> float:
        """In nats, 0 or less."""
        return float(self.logits[token]) - self.log_total


@dataclass(slots=True, eq=False)
class ConfidenceTally:
    """The figures of the tokens of one answer, in their order. Not thread-safe."""

    _log_probabilities: list[float] = field(default_factory=list)
    _entropies: list[float] = field(default_factory=list)
    _margins: list[float] = field(default_factory=list)

    def count(self, log_probability: float, entropy: float, margin: float) -> None:
        """Take the figures of the next token."""
        self._log_probabilities.append(log_probability)
        self._entropies.append(entropy)
        self._margins.append(margin)

    def so_far(self) -> TokenConfidence | None:
        """The confidence in the known tokens; None before the first."""
        if not self._margins:
            return None
        return TokenConfidence(
            tokens=len(self._margins),
            mean_log_probability=math.fsum(self._log_probabilities) / len(self._margins),
            mean_entropy=math.fsum(self._entropies) / len(self._margins),
            min_margin=min(self._margins),
            first_log_probability=self._log_probabilities[0],
            first_entropy=self._entropies[0],
            first_margin=self._margins[0],
        )


@dataclass(slots=True, eq=False)
class ConfidenceMeter:
    """A logits processor for llama.cpp that only reads; one per answer.

    It stands first in the sampler chain, so it sees the model's own distribution. A token is known
    only when the next one is sampled, so the last token of an answer is never counted: the mark of
    its end, or the token at which the length limit cut it. Not thread-safe.
    """

    _next: Distribution | None = None
    _tally: ConfidenceTally = field(default_factory=ConfidenceTally)

    def __call__(
        self, input_ids: npt.NDArray[np.intc], logits: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float32]:
        """Take the tokens so far and the logits of the next; returns the logits as they are."""
        if (known := self._next) is not None:
            sure = known.log_probability(int(input_ids[-1]))
            self._tally.count(sure, known.entropy, known.margin)
        self._next = Distribution.of(logits)
        return logits

    def so_far(self) -> TokenConfidence | None:
        """See ConfidenceTally."""
        return self._tally.so_far()
