"""A choice among names by a local model under a mask, corrected for its bias to some of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from edge_router.chat.request import ChatRequest

from .deadline import Deadline

__all__ = ["ChoosesNames", "MaskedChoice"]

SMALLEST = 1e-9
MOST_BIASES = 256  # questions whose bias is kept


@runtime_checkable
class ChoosesNames(Protocol):
    """A backend that gives the probability of each name as the answer, if it `can_choose`."""

    @property
    def can_choose(self) -> bool: ...

    def choose(
        self, request: ChatRequest, names: Sequence[str], *, deadline: Deadline
    ) -> tuple[float, ...]: ...


class MaskedChoice:
    """A local model that can write one of some names, and nothing else.

    Probabilities are corrected for the model's bias to some names, by what it chooses for a request
    without content (contextual calibration, Zhao et al. 2021).
    """

    def __init__(self, backend: ChoosesNames, *, correct_bias: bool = True) -> None:
        self.inner = self._backend = backend
        self._correct_bias = correct_bias
        self._biases: dict[tuple[ChatRequest, tuple[str, ...]], tuple[float, ...]] = {}

    def shares(
        self,
        request: ChatRequest,
        blank: ChatRequest | None,
        names: Sequence[str],
        *,
        deadline: Deadline,
    ) -> list[float]:
        """The probability of each of `names` as the answer to `request`; they sum to 1. `blank` is
        the same request without content, None to correct no bias. Raises BackendError."""
        bias: Sequence[float] = (1.0,) * len(names)
        if self._correct_bias and blank is not None:
            bias = self._bias(blank, tuple(names), deadline)
        asked = self._backend.choose(request, names, deadline=deadline)
        weights = [p / max(q, SMALLEST) for p, q in zip(asked, bias, strict=True)]
        total = max(sum(weights), SMALLEST)
        return [weight / total for weight in weights]

    def _bias(
        self, blank: ChatRequest, names: tuple[str, ...], deadline: Deadline
    ) -> tuple[float, ...]:
        known = self._biases.get((blank, names))
        if known is None:
            known = self._backend.choose(blank, names, deadline=deadline)
            if len(self._biases) >= MOST_BIASES:
                self._biases.clear()
            self._biases[blank, names] = known
        return known
