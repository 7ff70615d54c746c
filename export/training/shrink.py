"""Cuts a smaller BERT out of a trained one, to initialise a student."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from ..data.rows import BadData

__all__ = ["shrink"]


def shrink(
    bert: BertModel,
    *,
    layers: Sequence[int],
    width: int,
    feed_forward: int,
    words: Sequence[int] | None = None,
) -> BertModel:
    """Keep the `layers` of these numbers, and in them the `width` hidden dimensions, the attention
    heads and the `feed_forward` inner neurons that carry most; and the `words` of these numbers, or
    all.

    Heads keep their size, so `width` is a multiple of it. What carries most is read off the
    weights: hidden dimensions by their variance in the word embeddings, heads and neurons by the
    norms of what they write. Raises BadData for a shape that does not lie inside `bert`'s.
    """
    old = bert.config
    head = old.hidden_size // old.num_attention_heads
    _require_inside(old, head, layers, width, feed_forward)
    config = BertConfig.from_dict(
        old.to_dict()
        | {
            "hidden_size": width,
            "num_hidden_layers": len(layers),
            "num_attention_heads": width // head,
            "intermediate_size": feed_forward,
            "vocab_size": old.vocab_size if words is None else len(words),
        }
    )
    config._attn_implementation = old._attn_implementation  # noqa: SLF001 - not in to_dict()
    student: Any = BertModel(config, add_pooling_layer=False)  # type: ignore[no-untyped-call]
    hidden = _largest(bert.embeddings.word_embeddings.weight.var(0), width)
    with torch.no_grad():
        _copy_embeddings(bert.embeddings, student.embeddings, hidden, words)
        for layer, number in zip(student.encoder.layer, layers, strict=True):
            _copy_layer(bert.encoder.layer[number], layer, hidden, head)
    shrunk: BertModel = student
    return shrunk


def _require_inside(
    old: BertConfig, head: int, layers: Sequence[int], width: int, feed_forward: int
) -> None:
    if not layers or not set(layers) <= set(range(old.num_hidden_layers)):
        raise BadData(f"layers = {layers} must be among 0..{old.num_hidden_layers - 1}")
    if width % head or not 0 < width <= old.hidden_size:
        raise BadData(f"width = {width} must be a multiple of {head} up to {old.hidden_size}")
    if not 0 < feed_forward <= old.intermediate_size:
        raise BadData(f"feed_forward = {feed_forward} must be 1..{old.intermediate_size}")


def _largest(weights: Tensor, count: int) -> Tensor:
    """Numbers of the `count` largest, in rising order."""
    return weights.topk(count).indices.sort().values


def _copy_embeddings(old: Any, new: Any, hidden: Tensor, words: Sequence[int] | None) -> None:
    for name in ("position_embeddings", "token_type_embeddings"):
        getattr(new, name).weight.copy_(getattr(old, name).weight[:, hidden])
    table = old.word_embeddings.weight[:, hidden]
    new.word_embeddings.weight.copy_(table if words is None else table[list(words)])
    _copy_norm(old.LayerNorm, new.LayerNorm, hidden)


def _copy_norm(old: nn.LayerNorm, new: nn.LayerNorm, hidden: Tensor) -> None:
    new.weight.copy_(old.weight[hidden])
    new.bias.copy_(old.bias[hidden])


def _copy_layer(old: Any, new: Any, hidden: Tensor, head: int) -> None:
    attention = old.attention
    written = attention.output.dense.weight.norm(dim=0).reshape(-1, head).norm(dim=1)
    heads = _largest(written, len(hidden) // head)
    inside = (heads[:, None] * head + torch.arange(head)).flatten()
    for name in ("query", "key", "value"):
        old_linear, new_linear = getattr(attention.self, name), getattr(new.attention.self, name)
        _copy_linear(old_linear, new_linear, inside, hidden)
    _copy_linear(attention.output.dense, new.attention.output.dense, hidden, inside)
    _copy_norm(attention.output.LayerNorm, new.attention.output.LayerNorm, hidden)
    neurons = _largest(
        old.output.dense.weight.norm(dim=0) * old.intermediate.dense.weight.norm(dim=1),
        new.intermediate.dense.out_features,
    )
    _copy_linear(old.intermediate.dense, new.intermediate.dense, neurons, hidden)
    _copy_linear(old.output.dense, new.output.dense, hidden, neurons)
    _copy_norm(old.output.LayerNorm, new.output.LayerNorm, hidden)


def _copy_linear(old: nn.Linear, new: nn.Linear, out: Tensor, into: Tensor) -> None:
    new.weight.copy_(old.weight[out][:, into])
    new.bias.copy_(old.bias[out])
