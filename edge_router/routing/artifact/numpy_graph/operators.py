"""The operators of the exact graph (`export/graphs/exact_graph.py`) in numpy, bit for bit as in
onnxruntime.

Each is made for one node: it may keep what follows from the node's constants, and then takes the
other inputs. Sums are of whole numbers, which every order adds alike; those of fractions are in
`float_sums`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..onnx.graph import Node, NotAllowed
from .float_sums import read_out, softmax

__all__ = ["OPERATORS", "Array", "Operator", "joined"]

Array = npt.NDArray[Any]
Constants = Mapping[str, Array]
Operator = Callable[..., Array | Sequence[Array]]  # of all inputs of the node, as they stand there
Maker = Callable[[Node, Constants], Operator]

EXACT_FLOAT32 = 2**24  # whole numbers below are exact, also in any sum that stays below
LARGEST_STEP = 255  # of uint8
FLOAT32 = 1  # ONNX's number of the type


def _plain(function: Callable[..., Any]) -> Maker:
    """An operator that has no attributes and is one function of numpy."""

    def make(node: Node, _constants: Constants) -> Operator:
        _attributes(node)
        return function

    return make


def _attributes(node: Node, **defaults: Any) -> list[Any]:
    """The values of a node's attributes, in the order of `defaults`. Raises NotAllowed for an
    attribute that is not among them."""
    if odd := sorted(node.attributes.keys() - defaults.keys()):
        raise NotAllowed(f"has {node.operator} with the attributes {odd}")
    return [node.attributes.get(name, default) for name, default in defaults.items()]


def _constant(node: Node, place: int, constants: Constants) -> Array:
    name = node.inputs[place] if place < len(node.inputs) else ""
    if name not in constants:
        raise NotAllowed(f"has {node.operator} whose input {place} is no constant")
    return constants[name]


def _numbers(node: Node, place: int, constants: Constants) -> tuple[int, ...]:
    return tuple(map(int, _constant(node, place, constants).ravel()))


def _cast(node: Node, _constants: Constants) -> Operator:
    if _attributes(node, to=None) != [FLOAT32]:
        raise NotAllowed("has a Cast to another type than float32")
    return lambda numbers: numbers.astype(np.float32)


def _unsqueeze(node: Node, constants: Constants) -> Operator:
    _attributes(node)
    axes = _numbers(node, 1, constants)
    return lambda numbers, _axes: np.expand_dims(numbers, axes)


def _gather(node: Node, _constants: Constants) -> Operator:
    (axis,) = _attributes(node, axis=0)
    return lambda table, places: np.take(table, places, axis=axis)


def _shape(node: Node, _constants: Constants) -> Operator:
    _attributes(node)
    return lambda numbers: np.array(numbers.shape, dtype=np.int64)


def _slice(node: Node, constants: Constants) -> Operator:
    """A slice of the first axis; its end may depend on a shape."""
    _attributes(node)
    if len(node.inputs) != 3:
        raise NotAllowed("has a Slice with axes or steps")
    (start,) = _numbers(node, 1, constants)
    return lambda numbers, _start, end: numbers[start : int(end[0])]


def _reshape(node: Node, constants: Constants) -> Operator:
    _attributes(node)
    wanted = _numbers(node, 1, constants)
    return lambda numbers, _wanted: numbers.reshape(
        [numbers.shape[axis] if size == 0 else size for axis, size in enumerate(wanted)]
    )


def _transpose(node: Node, _constants: Constants) -> Operator:
    (order,) = _attributes(node, perm=None)
    return lambda numbers: numbers.transpose(order)


def _split(node: Node, _constants: Constants) -> Operator:
    axis, parts = _attributes(node, axis=0, num_outputs=len(node.outputs))
    if len(node.inputs) > 1 or parts != len(node.outputs):
        raise NotAllowed("has a Split into parts of different sizes")
    return lambda numbers: np.split(numbers, parts, axis=axis)


def _concat(node: Node, _constants: Constants) -> Operator:
    (axis,) = _attributes(node, axis=0)
    return lambda *parts: np.concatenate(parts, axis=axis)


def _reduced(function: Callable[..., Array]) -> Maker:
    """An operator that reduces axes by `function`, which takes the numbers, the axes, and
    whether they stay as axes of 1."""

    def make(node: Node, constants: Constants) -> Operator:
        (keep,) = _attributes(node, keepdims=1)
        axes = _numbers(node, 1, constants)
        return lambda numbers, _axes: function(numbers, axes, keep == 1)

    return make


def _sum(numbers: Array, axes: tuple[int, ...], keep: bool) -> Array:
    total: Array = np.sum(numbers, axis=axes, keepdims=keep)
    return total


def _maximum(numbers: Array, axes: tuple[int, ...], keep: bool) -> Array:
    largest: Array = np.max(numbers, axis=axes, keepdims=keep)
    return largest


def _mean(numbers: Array, axes: tuple[int, ...], keep: bool) -> Array:
    total = _sum(numbers, axes, keep)
    return total / np.float32(numbers.size // max(1, total.size))


def _sum_of_squares(numbers: Array, axes: tuple[int, ...], keep: bool) -> Array:
    """Adds one square after the other, as onnxruntime does: an embedding's numbers are
    fractions."""
    if axes not in ((-1,), (numbers.ndim - 1,)):
        raise ValueError(f"squares are summed over the last axis alone, not over {axes}")
    total = np.add.accumulate(numbers * numbers, axis=-1)[..., -1]
    return total[..., None] if keep else total


def _dequantized(steps: Array, scale: Array, zero: Array) -> Array:
    return (steps.astype(np.float32) - zero.astype(np.float32)) * scale


def _quantized(numbers: Array) -> Sequence[Array]:
    """Quantise to 255 steps between the least and the largest number, so that 0 is one of them:
    the steps, their size, and the step of 0."""
    least = np.minimum(numbers.min(), np.float32(0))
    size = (np.maximum(numbers.max(), np.float32(0)) - least) / np.float32(LARGEST_STEP)
    size = size or np.float32(1)
    zero = np.rint(np.clip(-least / size, np.float32(0), np.float32(LARGEST_STEP)))
    steps = np.rint(numbers / size)
    steps += zero
    np.clip(steps, 0, LARGEST_STEP, out=steps)
    return steps.astype(np.uint8), np.asarray(size), zero.astype(np.uint8)


def _integer_product(node: Node, constants: Constants) -> Operator:
    """Of uint8 steps and int8 weights, in floats: BLAS multiplies those many times as fast as
    integers. In float32 where no sum can reach 2^24, else in float64; both are exact."""
    _attributes(node)
    weight, scale = _constant(node, 1, constants), _constant(node, 3, constants)
    if weight.dtype != np.int8 or _constant(node, 5, constants).any():
        raise NotAllowed(f"has {node.operator} with weights that are not symmetric in int8")
    largest = LARGEST_STEP * np.abs(weight.astype(np.int64)).sum(axis=0).max()
    kind: type = np.float32 if largest < EXACT_FLOAT32 else np.float64
    factors: Array = np.ascontiguousarray(weight, dtype=kind)

    def operator(steps: Array, _weight: Array, size: Array, _scale: Array, zero: Array,
                 _zero: Array) -> Array:  # fmt: skip
        whole = np.subtract(steps, zero, dtype=kind)
        product: Array = np.matmul(whole.reshape(-1, len(factors)), factors)
        scaled: Array = product.astype(np.float32, copy=False) * (size * scale)
        return scaled.reshape(*steps.shape[:-1], -1)

    return operator


def _whole_product(node: Node, _constants: Constants) -> Operator:
    """The product of matrices of whole numbers whose sums stay below 2^24."""
    (turned,) = _attributes(node, transB=0)
    if turned:
        return lambda first, second: first @ second.swapaxes(-1, -2)
    return lambda first, second: first @ second


def _read_out(node: Node, constants: Constants) -> Operator:
    """A read-out layer, or several that read the same tensor (see `joined`)."""
    (turned,) = _attributes(node, transB=0)
    places = range(1, len(node.inputs), 2)
    weights = [_constant(node, place, constants) for place in places]
    wide = np.concatenate([one.T if turned else one for one in weights], axis=1, dtype=np.float64)
    biases = [_constant(node, place + 1, constants) for place in places]
    bias = np.concatenate(biases)
    if len(biases) == 1:
        return lambda states, *_constants: read_out(states, wide, bias)
    ends = np.cumsum([one.size for one in biases])[:-1]
    return lambda states, *_constants: np.split(read_out(states, wide, bias), ends, axis=1)


def joined(nodes: Sequence[Node]) -> list[Node]:
    """`nodes` with one Gemm in place of those that read the same tensor: what takes time in one is
    the number of its steps, and all take them together."""
    together: dict[tuple[object, ...], Node] = {}
    result = []
    for node in nodes:
        key = (node.inputs[0], repr(node.attributes)) if len(node.inputs) == 3 else (id(node),)
        first = together.get(key) if node.operator == "Gemm" else None
        if first is not None:
            first.inputs.extend(node.inputs[1:])
            first.outputs.extend(node.outputs)
            continue
        copy = node._replace(inputs=[*node.inputs], outputs=[*node.outputs])
        if node.operator == "Gemm":
            together[key] = copy
        result.append(copy)
    return result


def _softmax(node: Node, _constants: Constants) -> Operator:
    if _attributes(node, axis=-1) != [-1]:
        raise NotAllowed("has a Softmax over another axis than the last")
    return softmax


OPERATORS: Mapping[str, Maker] = {
    "Add": _plain(np.add),
    "Cast": _cast,
    "Clip": _plain(np.clip),
    "Concat": _concat,
    "DequantizeLinear": _plain(_dequantized),
    "Div": _plain(np.divide),
    "DynamicQuantizeLinear": _plain(_quantized),
    "Exp": _plain(np.exp),  # rounded to a multiple of 1/511 afterwards, which no last bit moves
    "FusedMatMul": _whole_product,
    "Gather": _gather,
    "Gemm": _read_out,
    "MatMul": _whole_product,
    "MatMulIntegerToFloat": _integer_product,
    "Mul": _plain(np.multiply),
    "ReduceMax": _reduced(_maximum),
    "ReduceMean": _reduced(_mean),
    "ReduceSum": _reduced(_sum),
    "ReduceSumSquare": _reduced(_sum_of_squares),
    "Reshape": _reshape,
    "Round": _plain(np.rint),
    "Shape": _shape,
    "Slice": _slice,
    "Softmax": _softmax,
    "Split": _split,
    "Sqrt": _plain(np.sqrt),
    "Sub": _plain(np.subtract),
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
