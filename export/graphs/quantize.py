"""Quantises a trained network into an int8 graph that gives the same numbers on every CPU."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from edge_router.routing.arrays import Float32s

from ..data.rows import BadData
from ..training.model import TOKEN_STEPS, RouterNetwork, outputs_of
from .exact_graph import (
    EXACT,
    GELU_UNIT,
    MICROSOFT,
    PADDING,
    GraphWriter,
    HeadSteps,
    Linear,
    attention,
    gelu,
    linear,
    normalized,
    product,
)
from .ranges import Ranges, ranges

__all__ = ["OPSET", "QUANTIZATION", "quantize"]

QUANTIZATION = "dynamic uint8 activations, int8 weights per channel in 7 bits, exact sums"
OPSET = 21
NO_LENGTH = 1e-12  # so that an embedding of nothing is not divided by 0
ROOM = 1.25  # how much larger than what was seen a number may become before a sum is inexact


def quantize(
    network: RouterNetwork, int8: Path, ids: Sequence[Sequence[int]], *, max_tokens: int
) -> None:
    """Write `network`, whose weights lie on their grid, for texts of at most `max_tokens`.

    Inputs and outputs are those of `to_onnx.export_onnx`. The steps to which numbers inside are
    rounded come from a run over texts, given as token `ids`. Raises BadData for another activation
    than GELU.
    """
    import onnx
    from onnx import TensorProto, helper

    if (activation := network.bert.config.hidden_act) != "gelu":
        raise BadData(f"the activation {activation!r} has no exact graph; use 'gelu'")
    graph = _Encoder(network, ranges(network, ids), max_tokens)
    graph.write()
    tokens, floats = ["batch", "tokens"], TensorProto.FLOAT
    made = helper.make_graph(
        graph.writer.nodes,
        "router",
        [
            helper.make_tensor_value_info(name, TensorProto.INT64, tokens)
            for name in ("input_ids", "attention_mask")
        ],
        [
            helper.make_tensor_value_info(name, floats, ["batch", size])
            for name, size in outputs_of(network).items()
        ],
        list(graph.writer.initializers.values()),
    )
    sets = [helper.make_opsetid("", OPSET), helper.make_opsetid(MICROSOFT, 1)]
    model = helper.make_model(made, opset_imports=sets, ir_version=10)
    written = int8.with_suffix(".new")
    onnx.save(model, written)
    written.replace(int8)


class _Encoder:
    """Writes the network from its inputs to its outputs.

    Hidden states are kept in units of the normalisation that they go to next, in which it may
    round to whole numbers; linear layers do not mind, they take their inputs by their range. They
    are kept without the bias of the normalisation that they come from, which is added to the biases
    of what reads them: so it costs nothing.
    """

    def __init__(self, network: RouterNetwork, seen: Ranges, max_tokens: int) -> None:
        self.network, self.seen, self.max_tokens = network, seen, max_tokens
        self.bert: Any = network.bert
        self.writer = GraphWriter()
        self.width = self.bert.config.hidden_size
        self.head_size = self.width // self.bert.config.num_attention_heads
        self.units = self._units()

    def write(self) -> None:
        """From `input_ids` and `attention_mask` to `representation` and `log_tokens`."""
        add, constant = self.writer.add, self.writer.constant
        mask = add("Cast", "attention_mask", to=1)  # float, (batch, tokens)
        missing = add("Mul", add("Sub", constant(1.0), mask), constant(PADDING))
        padding = add("Unsqueeze", missing, self.writer.axes(1, 2))
        states, lacking = self._embedded()
        for number, after in enumerate(self.units[1:]):
            attended, lacking = self._attended(states, lacking, number, padding)
            states, lacking = self._fed_forward(attended, lacking, number, after)
        weights = self._weights(states, mask, lacking)
        self._read(self._mean(states, weights, self.units[-1]), lacking)

    def _units(self) -> list[float]:
        """Per layer, the unit of the states that come in; last, that of the states that go out."""
        inside = [self._norm_unit(layer.attended) for layer in self.seen.layers]
        steps = 1 if self.network.token_weight is None else TOKEN_STEPS
        return [*inside, EXACT / (self.max_tokens * steps * self.seen.final * ROOM)]

    def _norm_unit(self, size: float) -> float:
        """How many whole numbers 1.0 is before a normalisation, for tokens whose root mean square
        is at most `size`: the sum of their squares stays exact."""
        return float(np.sqrt(EXACT / self.width) / (size * ROOM))

    def _embedded(self) -> tuple[str, Float32s]:
        """Words and positions, normalised: (batch, tokens, width), and the bias that they lack."""
        add, constant, axes = self.writer.add, self.writer.constant, self.writer.axes
        parts = self.bert.embeddings
        unit = self._norm_unit(self.seen.embedded)
        table, scale, zero = _rounded_table(_array(parts.word_embeddings.weight))
        rows = add("Gather", constant(table, np.uint8), "input_ids")
        zero_point = constant(zero, np.uint8)
        words = add("DequantizeLinear", rows, constant(scale * unit), zero_point)
        segment = _array(parts.token_type_embeddings.weight)[0]
        positions = _array(parts.position_embeddings.weight)[: self.max_tokens] + segment
        tokens = add("Gather", add("Shape", "input_ids"), axes(1))
        here = add("Slice", constant(positions * unit), axes(0), tokens)
        return self._normalized(add("Add", words, here), parts.LayerNorm, unit, self.units[0])

    def _attended(
        self, states: str, lacking: Float32s, number: int, padding: str
    ) -> tuple[str, Float32s]:
        """`states` without a bias they are `lacking` -> the same after the attention of layer
        `number`.

        A constant in the keys moves all logits of a query alike, and chances sum to 1, so that one
        in the values comes out as it went in: neither is added there.
        """
        block, seen = self.bert.encoder.layer[number].attention, self.seen.layers[number]
        own, unit = block.self, self._norm_unit(seen.attended)
        largest = (seen.query * ROOM, seen.key * ROOM, seen.value * ROOM)
        steps = HeadSteps.of(*largest, tokens=self.max_tokens)
        query, key, value = (_linear(module) for module in (own.query, own.key, own.value))
        parts = ((query, steps.query), (key, steps.key), (value, steps.value))
        weight = np.concatenate([self._in_steps(part.weight, step) for part, step in parts])
        projected = product(self.writer, states, weight, per=unit)
        bias = self._in_steps(query.of(lacking), steps.query).reshape(-1, self.head_size)
        mixed = attention(self.writer, projected, bias, padding, steps)
        output = _linear(block.output.dense)
        output = output.with_bias(output.of(value.of(lacking)) + lacking)
        written = linear(self.writer, mixed, output.scaled(unit))
        inner = self._norm_unit(seen.fed_forward)
        added = self.writer.add("Add", written, states)
        return self._normalized(added, block.output.LayerNorm, unit, inner)

    def _in_steps(self, values: Float32s, steps: Float32s) -> Float32s:
        """`values` (heads * head size, ...) times each head's `steps` (heads,)."""
        return (values.T * np.repeat(steps, self.head_size)).T

    def _fed_forward(
        self, states: str, lacking: Float32s, number: int, after: float
    ) -> tuple[str, Float32s]:
        """`states` without a bias they are `lacking` -> the same after the feed-forward block of
        layer `number`, in units of `after`."""
        layer = self.bert.encoder.layer[number]
        unit = self._norm_unit(self.seen.layers[number].fed_forward)
        into, output = _linear(layer.intermediate.dense), _linear(layer.output.dense)
        neurons = linear(self.writer, states, into.with_bias(into.of(lacking)), per=unit)
        output = output.with_bias(output.bias + lacking).scaled(unit)
        fed = linear(self.writer, gelu(self.writer, neurons), output, per=GELU_UNIT)
        added = self.writer.add("Add", fed, states)
        return self._normalized(added, layer.output.LayerNorm, unit, after)

    def _normalized(
        self, states: str, norm: Any, unit: float, after: float
    ) -> tuple[str, Float32s]:
        """`states` in units of `unit` -> normalised, in units of `after`, and the bias that they
        lack."""
        weight = _array(norm.weight) * after
        output = normalized(self.writer, states, weight, noise=norm.eps * unit**2)
        return output, _array(norm.bias)

    def _weights(self, states: str, mask: str, lacking: Float32s) -> str:
        """What each token counts in the mean, a whole number, 0 for padding: (batch, tokens, 1)."""
        add, constant = self.writer.add, self.writer.constant
        read = add("Unsqueeze", mask, self.writer.axes(2))
        if self.network.token_weight is None:
            return read
        layer = _linear(self.network.token_weight)
        marks = linear(self.writer, states, layer.with_bias(layer.of(lacking)), per=self.units[-1])
        inside = add("Clip", marks, constant(0.0), constant(1.0))
        steps = add("Round", add("Mul", inside, constant(TOKEN_STEPS - 1)))
        whole = add("Add", steps, constant(1.0))
        return add("Mul", whole, read)

    def _mean(self, states: str, weights: str, unit: float) -> str:
        """Mean over the tokens, each as often as `weights` says: (batch, width)."""
        add, axes = self.writer.add, self.writer.axes
        total = add("ReduceSum", add("Mul", add("Round", states), weights), axes(1), keepdims=0)
        count = add("ReduceSum", weights, axes(1), keepdims=0)
        return add("Div", total, add("Mul", count, self.writer.constant(unit)))

    def _read(self, pooled: str, lacking: Float32s) -> None:
        """The read-out layers, in fp32: nothing is rounded after them."""
        network, add = self.network, self.writer.add
        difficulty = self._read_out(pooled, network.difficulty, lacking)
        kinds = add("Softmax", self._read_out(pooled, network.kind, lacking), axis=-1)
        add("Concat", difficulty, kinds, axis=-1, named="representation")
        self._read_out(pooled, network.length, lacking, named="log_tokens")
        if network.embedding is not None:
            read = self._read_out(pooled, network.embedding, lacking)
            squares = add("ReduceSumSquare", read, self.writer.axes(-1), keepdims=1)
            length = add("Sqrt", add("Add", squares, self.writer.constant(NO_LENGTH)))
            add("Div", read, length, named="embedding")

    def _read_out(
        self, pooled: str, module: nn.Linear, lacking: Float32s, *, named: str = ""
    ) -> str:
        layer, constant = _linear(module), self.writer.constant
        weight, bias = constant(layer.weight), constant(layer.of(lacking))
        return self.writer.add("Gemm", pooled, weight, bias, transB=1, named=named)


def _array(tensor: Tensor) -> Float32s:
    array: Float32s = tensor.detach().float().numpy()
    return array


def _linear(module: nn.Linear) -> Linear:
    return Linear(_array(module.weight), _array(module.bias))


def _rounded_table(weight: Float32s) -> tuple[npt.NDArray[np.uint8], float, int]:
    """An embedding table in 8 bits with one scale and zero point, as `grid.hold_to_grid` has it:
    weights are (steps - zero) * scale."""
    low, high = min(float(weight.min()), 0.0), max(float(weight.max()), 0.0)
    scale = (high - low) / 255
    zero = round(-low / scale)
    steps = np.clip(np.rint(weight / scale) + zero, 0, 255).astype(np.uint8)
    return steps, scale, zero
