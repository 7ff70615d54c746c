"""A small graph writer, and the layers of BERT in arithmetic that every CPU does alike.

A floating-point sum depends on its order, and each CPU's kernels have their own; one last bit then
moves a rounded activation, and that the estimates. So whatever is summed here is a whole number in
a float, small enough (sums below 2^24) that any order gives the same. What is left is one IEEE
operation per element, which is the same everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_router.routing.arrays import AnyFloats

from ..training.grid import WEIGHT_STEPS

__all__ = [
    "EXACT",
    "GELU_UNIT",
    "MICROSOFT",
    "PADDING",
    "GraphWriter",
    "HeadSteps",
    "Linear",
    "attention",
    "gelu",
    "linear",
    "normalized",
    "product",
]


MICROSOFT = "com.microsoft"
EXACT = 2**24 - 1  # whole numbers up to here are exact in float32

CHANCE_STEPS = 511  # the largest attention chance of a row
LOGIT_STEPS = 32  # attention logits are rounded to 1/32, so that exp is asked few points
LEAST_LOGIT = -8.0  # exp of less is 0 among CHANCE_STEPS
PADDING = -1e6

# GELU is x * P(x), P the normal distribution's integral. Here P is an odd polynomial of y = x cut
# off at +-2.78, plus a half: GELU_UNIT * P = y^5 + GELU_CUBE y^3 + GELU_LINE y + GELU_UNIT / 2. Its
# coefficients keep GELU within 0.008, the least that a fifth degree can which ends in 0 and 1.
GELU_END = 2.78
GELU_CUBE = -18.9145
GELU_LINE = 166.304
GELU_UNIT = 2 * (GELU_END**5 + GELU_CUBE * GELU_END**3 + GELU_LINE * GELU_END)


class GraphWriter:
    """Collects nodes; every `add` gives the name of its output. Equal constants stand once."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.initializers: dict[tuple[str, tuple[int, ...], bytes], Any] = {}

    def constant(self, values: Any, kind: npt.DTypeLike = np.float32) -> str:
        from onnx import numpy_helper

        array = np.asarray(values, dtype=kind)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self.initializers:
            name = f"constant_{len(self.initializers)}"
            self.initializers[key] = numpy_helper.from_array(array, name)
        return str(self.initializers[key].name)

    def axes(self, *numbers: int) -> str:
        return self.constant(numbers, np.int64)

    def add(self, operator: str, *inputs: str, named: str = "", **attributes: Any) -> str:
        """One node with one output, `named` or called by its number."""
        (output,) = self.add_many(operator, *inputs, count=1, named=named, **attributes)
        return output

    def add_many(
        self,
        operator: str,
        *inputs: str,
        count: int,
        named: str = "",
        domain: str = "",
        **attributes: Any,
    ) -> list[str]:
        """One node with `count` outputs."""
        from onnx import helper

        number = len(self.nodes)
        names = [named] if named else [f"value_{number}_{index}" for index in range(count)]
        node = helper.make_node(
            operator, list(inputs), names, name=f"node_{number}", domain=domain, **attributes
        )
        self.nodes.append(node)
        return names


@dataclass(frozen=True, slots=True)
class Linear:
    """`weight` (out, in) on a grid of 2 * WEIGHT_STEPS + 1 steps per output, `bias` (out,)."""

    weight: AnyFloats
    bias: AnyFloats

    def of(self, states: AnyFloats) -> AnyFloats:
        """What comes out for `states` (in,)."""
        return self.weight @ states + self.bias

    def with_bias(self, bias: AnyFloats) -> Linear:
        return Linear(self.weight, bias)

    def scaled(self, by: float) -> Linear:
        """With outputs `by` times as large."""
        return Linear(self.weight * by, self.bias * by)


@dataclass(frozen=True, slots=True)
class HeadSteps:
    """Steps (heads,) per 1.0 to which queries, keys and values are rounded."""

    query: AnyFloats
    key: AnyFloats
    value: AnyFloats

    @classmethod
    def of(cls, query: AnyFloats, key: AnyFloats, value: AnyFloats, *, tokens: int) -> HeadSteps:
        """From the largest values (heads,) that there may be, for at most `tokens` tokens."""
        limit = EXACT // (CHANCE_STEPS * tokens)
        return cls(limit / query, limit / key, limit / value)


def product(graph: GraphWriter, states: str, weight: AnyFloats, *, per: float = 1.0) -> str:
    """`states` (batch, tokens, in) in units of `per`, rounded to 8 bits by their range, times
    `weight` (out, in) -> (batch, tokens, out)."""
    scale = np.abs(weight).max(axis=1) / WEIGHT_STEPS
    scale = np.where(scale > 0, scale, 1.0).astype(np.float32)
    steps = np.rint(weight / scale[:, None]).astype(np.int8).T  # (in, out)
    rounded, step, zero = graph.add_many("DynamicQuantizeLinear", states, count=3)
    return graph.add(
        "MatMulIntegerToFloat",
        rounded,
        graph.constant(steps, np.int8),
        step,
        graph.constant(scale / per),
        zero,
        graph.constant(np.zeros(len(scale)), np.int8),
        domain=MICROSOFT,
    )


def linear(graph: GraphWriter, states: str, layer: Linear, *, per: float = 1.0) -> str:
    """`product`, and the bias, which is not fused into it: some CPUs would round once."""
    multiplied = product(graph, states, layer.weight, per=per)
    return graph.add("Add", multiplied, graph.constant(layer.bias))


def gelu(graph: GraphWriter, states: str) -> str:
    """GELU of `states`, within 0.008, in units of GELU_UNIT: one multiplication or addition after
    the other, where the error function's kernels differ between CPUs."""
    ends = graph.constant(-GELU_END), graph.constant(GELU_END)
    inside = graph.add("Clip", states, *ends)
    square = graph.add("Mul", inside, inside)
    grown = graph.add("Mul", graph.add("Add", square, graph.constant(GELU_CUBE)), square)
    slope = graph.add("Add", grown, graph.constant(GELU_LINE))
    share = graph.add("Add", graph.add("Mul", slope, inside), graph.constant(GELU_UNIT / 2))
    return graph.add("Mul", share, states)


def normalized(graph: GraphWriter, states: str, weight: AnyFloats, noise: float) -> str:
    """Layer normalisation of `states` (batch, tokens, width), of which only whole numbers count;
    their squares sum to at most EXACT. `noise` is added to the variance, no bias to the result.

    The mean is a whole number too, which moves the result by up to half a step.
    """
    last = graph.axes(-1)
    whole = graph.add("Round", states)
    mean = graph.add("Round", graph.add("ReduceMean", whole, last, keepdims=1))
    centred = graph.add("Sub", whole, mean)
    squares = graph.add("ReduceSumSquare", centred, last, keepdims=1)
    width = len(weight)
    length = graph.add("Sqrt", graph.add("Add", squares, graph.constant(noise * width)))
    standard = graph.add("Div", centred, length)
    return graph.add("Mul", standard, graph.constant(weight * np.float32(width**0.5)))


def attention(
    graph: GraphWriter, projected: str, bias: AnyFloats, padding: str, steps: HeadSteps
) -> str:
    """Self-attention: `projected` (batch, tokens, 3 * width) are queries, keys and values in
    `steps`; `bias` (heads, width / heads) of the queries is added, `padding` (batch, 1, 1, tokens)
    is added to the logits -> (batch, tokens, width)."""
    heads, size = bias.shape
    split = graph.add("Reshape", graph.add("Round", projected), graph.axes(0, 0, 3 * heads, size))
    by_head = graph.add("Transpose", split, perm=[0, 2, 1, 3])
    query, key, value = graph.add_many("Split", by_head, count=3, axis=1, num_outputs=3)
    query = graph.add("Add", query, graph.constant(np.rint(bias)[:, None]))
    products = graph.add("FusedMatMul", query, key, transB=1, domain=MICROSOFT)
    scale = LOGIT_STEPS / (steps.query * steps.key * size**0.5)
    chances = _chances(graph, products, padding, scale)
    total = graph.add("ReduceSum", chances, graph.axes(-1), keepdims=1)
    whole_value = graph.add("Mul", total, graph.constant(steps.value[:, None, None]))
    mixed = graph.add("Div", graph.add("MatMul", chances, value), whole_value)
    back = graph.add("Transpose", mixed, perm=[0, 2, 1, 3])
    return graph.add("Reshape", back, graph.axes(0, 0, heads * size))


def _chances(graph: GraphWriter, products: str, padding: str, scale: AnyFloats) -> str:
    """Softmax without its division, in whole numbers up to CHANCE_STEPS.

    `exp` itself differs in its last bit between CPUs. It is asked only for multiples of
    1 / LOGIT_STEPS, none of which lies so near to a half that this could turn the rounding.
    """
    _require_clear_rounding()
    last = graph.axes(-1)
    logits = graph.add("Round", graph.add("Mul", products, graph.constant(scale[:, None, None])))
    logits = graph.add("Add", logits, padding)
    logits = graph.add("Sub", logits, graph.add("ReduceMax", logits, last, keepdims=1))
    power = graph.add("Exp", graph.add("Mul", logits, graph.constant(1 / LOGIT_STEPS)))
    return graph.add("Round", graph.add("Mul", power, graph.constant(CHANCE_STEPS)))


def _require_clear_rounding() -> None:
    points = np.arange(LEAST_LOGIT * LOGIT_STEPS, 1) / LOGIT_STEPS
    chances = CHANCE_STEPS * np.exp(points)
    nearest = float(np.abs(chances - np.floor(chances) - 0.5).min())
    if nearest < CHANCE_STEPS * 1e-6:  # 16 last bits of float32
        raise ValueError(f"exp lies {nearest:.1e} from a half; choose other steps")
