"""Activation ranges: the largest numbers inside an encoder on real texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from edge_router.routing.arrays import Float32s

from ..training.loop import padded
from ..training.model import RouterNetwork

__all__ = ["LayerRanges", "Ranges", "ranges"]


BATCH = 32


@dataclass(frozen=True, slots=True)
class LayerRanges:
    """Largest absolute values (heads,) of queries, keys and values; largest root mean square of a
    token before the two normalisations, after attention and after the feed-forward block."""

    query: Float32s
    key: Float32s
    value: Float32s
    attended: float
    fed_forward: float


@dataclass(frozen=True, slots=True)
class Ranges:
    """`embedded`: largest root mean square of a token's embedding before its normalisation;
    `final`: largest absolute value of the last layer's output."""

    embedded: float
    layers: tuple[LayerRanges, ...]
    final: float


def ranges(network: RouterNetwork, ids: Sequence[Sequence[int]]) -> Ranges:
    """What was seen while `network` read texts, given as token `ids`."""
    bert: Any = network.bert
    seen = _Seen()
    handles = [
        bert.embeddings.LayerNorm.register_forward_pre_hook(seen.size_of("embedded")),
        bert.register_forward_hook(seen.largest_of("final")),
    ]
    for number, layer in enumerate(bert.encoder.layer):
        attention = layer.attention
        for name in ("query", "key", "value"):
            projection = getattr(attention.self, name)
            handles.append(projection.register_forward_hook(seen.heads_of(f"{name} {number}")))
        norms = (("attended", attention.output), ("fed_forward", layer.output))
        for name, block in norms:
            note = seen.size_of(f"{name} {number}")
            handles.append(block.LayerNorm.register_forward_pre_hook(note))
    seen.heads = bert.config.num_attention_heads
    try:
        with torch.no_grad():
            for at in range(0, len(ids), BATCH):
                tokens, seen.mask = padded(ids[at : at + BATCH])
                network(tokens, seen.mask)
    finally:
        for handle in handles:
            handle.remove()
    return seen.ranges(len(bert.encoder.layer))


class _Seen:
    """Maxima by name, over the tokens that are not padding."""

    def __init__(self) -> None:
        self.maxima: dict[str, Tensor] = {}
        self.mask = torch.ones(1, 1)
        self.heads = 1

    def size_of(self, name: str) -> Callable[[Any, tuple[Tensor, ...]], None]:
        """Notes the root mean square of each token that goes into a module."""

        def note(_module: Any, inputs: tuple[Tensor, ...]) -> None:
            self._note(name, inputs[0].square().mean(-1, keepdim=True).sqrt())

        return note

    def heads_of(self, name: str) -> Callable[[Any, Any, Tensor], None]:
        """Notes the largest number of each head that comes out of a module."""

        def note(_module: Any, _inputs: Any, output: Tensor) -> None:
            self._note(name, output.abs().reshape(*output.shape[:-1], self.heads, -1).amax(-1))

        return note

    def largest_of(self, name: str) -> Callable[[Any, Any, Any], None]:
        """Notes the largest number that comes out of a BERT."""

        def note(_module: Any, _inputs: Any, output: Any) -> None:
            self._note(name, output.last_hidden_state.abs().amax(-1, keepdim=True))

        return note

    def _note(self, name: str, values: Tensor) -> None:
        largest = (values * self.mask.unsqueeze(-1)).amax((0, 1))
        self.maxima[name] = torch.maximum(self.maxima.get(name, largest), largest)

    def ranges(self, layers: int) -> Ranges:
        largest = {name: np.maximum(value.numpy(), 1e-6) for name, value in self.maxima.items()}
        return Ranges(
            embedded=float(largest["embedded"][0]),
            layers=tuple(
                LayerRanges(
                    *(largest[f"{name} {number}"] for name in ("query", "key", "value")),
                    *(
                        float(largest[f"{name} {number}"][0])
                        for name in ("attended", "fed_forward")
                    ),
                )
                for number in range(layers)
            ),
            final=float(largest["final"][0]),
        )
