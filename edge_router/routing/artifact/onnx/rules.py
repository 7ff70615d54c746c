"""The rules of the allowed ONNX operators: output shapes and work, computed from input shapes.

Every rule is monotone: an input that is smaller in some dimension gives an output that is not
larger in any (https://onnx.ai/onnx/operators/).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from .graph import KINDS, Constant, Node, NotAllowed

__all__ = ["RULES", "Known", "Rule", "Shape"]

Shape = tuple[int, ...]


class Known(NamedTuple):
    """Numbers that tensors are known to hold: `constants` of the file, and `sizes` that come from
    shapes alone and grow with them."""

    constants: dict[str, list[int]]
    sizes: dict[str, list[int]]

    def constant(self, node: Node, place: int) -> list[int]:
        name = node.inputs[place]
        if name not in self.constants:
            raise NotAllowed(f"input {place} is no small constant")
        return self.constants[name]

    def size(self, name: str) -> list[int] | None:
        return self.constants.get(name, self.sizes.get(name))


Shapes = Callable[[Node, Sequence[Shape], Known], list[Shape]]
Work = Callable[[Node, Sequence[Shape], Sequence[Shape]], float]


class Rule(NamedTuple):
    """`shapes` of the outputs, by the inputs'; `attributes` that may stand; `work` in
    multiplications, beyond going through the numbers once."""

    shapes: Shapes
    attributes: frozenset[str] = frozenset()
    work: Work = lambda *_: 0.0


def _broadcast(first: Shape, second: Shape) -> Shape:
    if first == second or not second:
        return first
    longest = max(len(first), len(second))
    one, other = ((1,) * (longest - len(shape)) + shape for shape in (first, second))
    if any(a != b and 1 not in (a, b) for a, b in zip(one, other, strict=True)):
        raise NotAllowed(f"{first} and {second} do not fit")
    return tuple(map(max, one, other))


def _all_together(_node: Node, inputs: Sequence[Shape], _known: Known) -> list[Shape]:
    joint = inputs[0]
    for shape in inputs[1:]:
        joint = _broadcast(joint, shape)
    return [joint]


def _as_first(_node: Node, inputs: Sequence[Shape], _known: Known) -> list[Shape]:
    return [inputs[0]]


def _cast(node: Node, inputs: Sequence[Shape], _known: Known) -> list[Shape]:
    if node.attributes["to"] not in KINDS:
        raise NotAllowed(f"the type {node.attributes['to']!r} is not one of {sorted(KINDS)}")
    return [inputs[0]]


def _constant(node: Node, _inputs: Sequence[Shape], known: Known) -> list[Shape]:
    value = node.attributes["value"]
    if not isinstance(value, Constant):
        raise NotAllowed("it holds no tensor")
    value.check()
    if (numbers := value.numbers()) is not None:
        known.constants[node.outputs[0]] = numbers
    return [value.shape]


def _quantized(_node: Node, inputs: Sequence[Shape], _known: Known) -> list[Shape]:
    return [inputs[0], (), ()]


def _axis(number: object, rank: int) -> int:
    if not isinstance(number, int) or not -rank <= number < rank:
        raise NotAllowed(f"there is no axis {number} of {rank}")
    return number % rank


def _axes(node: Node, rank: int, known: Known) -> list[int]:
    """The axes of the second input or of the attribute; all axes where neither states any."""
    if len(node.inputs) > 1 and node.inputs[1]:
        said: object = known.constant(node, 1)
    else:
        said = node.attributes.get("axes", [])
    if not isinstance(said, list):
        raise NotAllowed("axes is no list")
    return [_axis(number, rank) for number in said]


def _reduced(node: Node, inputs: Sequence[Shape], known: Known) -> list[Shape]:
    shape = inputs[0]
    axes = _axes(node, len(shape), known) or range(len(shape))
    if node.attributes.get("keepdims", 1):
        return [tuple(1 if n in axes else size for n, size in enumerate(shape))]
    return [tuple(size for n, size in enumerate(shape) if n not in axes)]


def _gathered(node: Node, inputs: Sequence[Shape], known: Known) -> list[Shape]:
    data, indices = inputs
    axis = _axis(node.attributes.get("axis", 0), len(data))
    sizes, places = known.size(node.inputs[0]), known.constants.get(node.inputs[1])
    if sizes is not None and places is not None and len(data) == 1:
        known.sizes[node.outputs[0]] = [sizes[place] for place in places]
    return [(*data[:axis], *indices, *data[axis + 1 :])]


def _joined(node: Node, inputs: Sequence[Shape], known: Known) -> list[Shape]:
    first = inputs[0]
    axis = _axis(node.attributes["axis"], len(first))
    rest = [(*shape[:axis], *shape[axis + 1 :]) for shape in inputs]
    if any(
        other != rest[0] or len(shape) != len(first)
        for other, shape in zip(rest, inputs, strict=True)
    ):
        raise NotAllowed("the parts do not fit")
    sizes = [known.size(name) for name in node.inputs]
    if all(size is not None for size in sizes) and len(first) == 1:
        known.sizes[node.outputs[0]] = [number for size in sizes for number in size or ()]
    return [(*first[:axis], sum(shape[axis] for shape in inputs), *first[axis + 1 :])]


def _split(node: Node, inputs: Sequence[Shape], known: Known) -> list[Shape]:
    shape, parts = inputs[0], len(node.outputs)
    axis = _axis(node.attributes.get("axis", 0), len(shape))
    if len(node.inputs) > 1 and node.inputs[1]:
        sizes = known.constant(node, 1)
    else:
        sizes = [-(-shape[axis] // parts)] * parts
    if len(sizes) != parts or min(sizes) < 1 or max(sizes) > shape[axis]:
        raise NotAllowed(f"{shape} is not split into {sizes}")
    return [(*shape[:axis], size, *shape[axis + 1 :]) for size in sizes]


def _transposed(node: Node, inputs: Sequence[Shape], _known: Known) -> list[Shape]:
    shape = inputs[0]
    order = node.attributes.get("perm", list(range(len(shape)))[::-1])
    if not isinstance(order, list) or sorted(order) != list(range(len(shape))):
        raise NotAllowed(f"{order!r} is no order of {len(shape)} axes")
    return [tuple(shape[axis] for axis in order)]


def _reshaped(node: Node, inputs: Sequence[Shape], known: Known) -> list[Shape]:
    shape, wanted = inputs[0], list(known.constant(node, 1))
    new = [shape[n] if size == 0 else size for n, size in enumerate(wanted)]
    rest = math.prod(size for size in new if size != -1)
    if new.count(-1) > 1 or min(new, default=1) < -1 or rest < 1:
        raise NotAllowed(f"{wanted} is no shape")
    new = [math.prod(shape) // rest if size == -1 else size for size in new]
    if math.prod(new) != math.prod(shape):
        raise NotAllowed(f"{shape} has not the size of {wanted}")
    return [tuple(new)]


def _shape(node: Node, inputs: Sequence[Shape], known: Known) -> list[Shape]:
    known.sizes[node.outputs[0]] = list(inputs[0])
    return [(len(inputs[0]),)]


def _sliced(node: Node, inputs: Sequence[Shape], known: Known) -> list[Shape]:
    """The shape after a slice; an end that is unknown, even from shapes, leaves the size as it
    was."""
    left, starts = list(inputs[0]), known.constant(node, 1)
    ends = known.size(node.inputs[2]) or [2**62] * len(starts)
    axes = known.constant(node, 3) if len(node.inputs) > 3 else list(range(len(starts)))
    steps = known.constant(node, 4) if len(node.inputs) > 4 else [1] * len(starts)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        if step != 1:
            raise NotAllowed(f"its step is {step}")
        place = _axis(axis, len(left))
        size = left[place]
        last = min(end, size) if end >= 0 else size + end
        left[place] = last - min(start, size) if start >= 0 else min(size, -start)
    if (sizes := known.size(node.inputs[0])) is not None and left == [len(sizes)]:
        known.sizes[node.outputs[0]] = sizes
    return [tuple(left)]


def _squeezed(node: Node, inputs: Sequence[Shape], known: Known) -> list[Shape]:
    shape = inputs[0]
    axes = _axes(node, len(shape), known)
    if not axes or any(shape[axis] != 1 for axis in axes):
        raise NotAllowed(f"{shape} cannot lose the axes {axes}")
    _keep_sizes(node, known)
    return [tuple(size for n, size in enumerate(shape) if n not in axes)]


def _unsqueezed(node: Node, inputs: Sequence[Shape], known: Known) -> list[Shape]:
    said = known.constant(node, 1) if len(node.inputs) > 1 else node.attributes["axes"]
    if not isinstance(said, list):
        raise NotAllowed("axes is no list")
    rank = len(inputs[0]) + len(said)
    axes, sizes = {_axis(number, rank) for number in said}, iter(inputs[0])
    _keep_sizes(node, known)
    return [tuple(1 if n in axes else next(sizes) for n in range(rank))]


def _keep_sizes(node: Node, known: Known) -> None:
    if (sizes := known.size(node.inputs[0])) is not None:
        known.sizes[node.outputs[0]] = sizes


def _turned(node: Node, inputs: Sequence[Shape]) -> tuple[Shape, Shape]:
    """The two matrices, or stacks of matrices, that are multiplied, transposed as the node says."""
    first, second = inputs[:2]
    if len(first) < 2 or len(second) < 2:
        raise NotAllowed(f"{first} and {second} are no matrices")
    if node.attributes.get("transA"):
        first = (*first[:-2], first[-1], first[-2])
    if node.attributes.get("transB"):
        second = (*second[:-2], second[-1], second[-2])
    if first[-1] != second[-2]:
        raise NotAllowed(f"{first} and {second} do not fit")
    return first, second


def _multiplied(node: Node, inputs: Sequence[Shape], _known: Known) -> list[Shape]:
    first, second = _turned(node, inputs)
    return [(*_broadcast(first[:-2], second[:-2]), first[-2], second[-1])]


def _multiplications(node: Node, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> float:
    return math.prod(outputs[0]) * _turned(node, inputs)[0][-1]


def _gemm(node: Node, inputs: Sequence[Shape], known: Known) -> list[Shape]:
    (product,) = _multiplied(node, inputs, known)
    if len(product) != 2 or (len(inputs) > 2 and _broadcast(product, inputs[2]) != product):
        raise NotAllowed(f"{inputs} do not fit")
    return [product]


def _rules(
    names: str, shapes: Shapes, attributes: str = "", work: Work | None = None
) -> dict[str, Rule]:
    allowed = frozenset(attributes.split())
    rule = Rule(shapes, allowed, work) if work else Rule(shapes, allowed)
    return dict.fromkeys(names.split(), rule)


RULES = {
    **_rules("Add And Clip Div Equal Greater Less Mul Pow Sub Where", _all_together),
    **_rules("BiasGelu Erf Exp FastGelu Identity IsNaN Not Relu Round Sqrt Tanh", _as_first),
    **_rules("Gelu", _as_first, "approximate"),
    **_rules("Softmax", _as_first, "axis"),
    **_rules("DequantizeLinear QuantizeLinear", _as_first, "axis"),
    **_rules("LayerNormalization SimplifiedLayerNormalization", _as_first, "axis epsilon"),
    **_rules("SkipLayerNormalization", _as_first, "epsilon"),
    **_rules("Cast", _cast, "to"),
    **_rules("Constant", _constant, "value"),
    **_rules("DynamicQuantizeLinear", _quantized),
    **_rules("ReduceMax ReduceMean ReduceSum ReduceSumSquare", _reduced, "axes keepdims"),
    **_rules("Gather", _gathered, "axis"),
    **_rules("Concat", _joined, "axis"),
    **_rules("Split", _split, "axis num_outputs"),
    **_rules("Transpose", _transposed, "perm"),
    **_rules("Reshape", _reshaped),
    **_rules("Shape", _shape),
    **_rules("Slice", _sliced),
    **_rules("Squeeze", _squeezed, "axes"),
    **_rules("Unsqueeze", _unsqueezed, "axes"),
    **_rules("MatMul MatMulInteger MatMulIntegerToFloat DynamicQuantizeMatMul", _multiplied,
             work=_multiplications),
    **_rules("FusedMatMul", _multiplied, "transA transB alpha", _multiplications),
    **_rules("Gemm", _gemm, "transA transB alpha beta", _multiplications),
}  # fmt: skip
