"""Each operator in numpy gives what onnxruntime gives, to the bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_graph import attribute
from onnx_peer import TO_THE_BIT, agree, one_operator

from edge_router.errors import ArtifactIncompatible
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.artifact.numpy_graph.operators import OPERATORS
from edge_router.routing.artifact.onnx.check import check_onnx

Both = tuple[list[Any], list[Any]]

RANDOM = np.random.default_rng(0)
FLOATS = RANDOM.normal(size=(1, 5, 8)).astype(np.float32) * np.float32(3)
OTHERS = RANDOM.normal(size=(8,)).astype(np.float32)
WHOLE = RANDOM.integers(-400, 400, (2, 3, 8)).astype(np.float32)
STEPS = RANDOM.integers(0, 256, (2, 4), dtype=np.uint8)
WEIGHTS = RANDOM.integers(-64, 65, (8, 6), dtype=np.int8)
SCALES = RANDOM.uniform(0.001, 0.02, 6).astype(np.float32)
LAST = np.array([-1])
MICROSOFT = "com.microsoft"


def _reduced(operator: str, numbers: Any, axes: Any = LAST, keep: int = 1) -> Both:
    kept = attribute("keepdims", keep)
    return one_operator(operator, numbers, axes, fixed=[1], attributes=[kept])


def _product(weights: Any, steps: Any, zero: int = 100) -> Both:
    size, none = np.float32(0.037), np.zeros(weights.shape[1], np.int8)
    scales = np.resize(SCALES, weights.shape[1])
    inputs = (steps, weights, size, scales, np.uint8(zero), none)
    return one_operator("MatMulIntegerToFloat", *inputs, fixed=[1, 3, 5], domain=MICROSOFT)


CASES: dict[str, Callable[[], Both]] = {
    "Add": lambda: one_operator("Add", FLOATS, OTHERS),
    "Cast": lambda: one_operator("Cast", np.array([[1, 0, 7]]), attributes=[attribute("to", 1)]),
    "Clip": lambda: one_operator("Clip", FLOATS, np.float32(-2.78), np.float32(2.78)),
    "Concat": lambda: one_operator("Concat", FLOATS, FLOATS, attributes=[attribute("axis", -1)]),
    "DequantizeLinear": lambda: one_operator(
        "DequantizeLinear", STEPS, np.float32(8.27), np.uint8(104)
    ),
    "Div": lambda: one_operator("Div", FLOATS, OTHERS),
    "DynamicQuantizeLinear": lambda: one_operator("DynamicQuantizeLinear", FLOATS, outputs=3),
    "Exp": lambda: _near(one_operator("Exp", -np.abs(FLOATS))),
    "FusedMatMul": lambda: one_operator(
        "FusedMatMul", WHOLE, WHOLE, attributes=[attribute("transB", 1)], domain=MICROSOFT
    ),
    "Gather": lambda: one_operator("Gather", WHOLE, np.array([1, 0, 1])),
    "Gemm": lambda: one_operator(
        "Gemm", FLOATS[0, :1], FLOATS[0], OTHERS[:5], fixed=[1, 2],
        attributes=[attribute("transB", 1)],
    ),
    "MatMul": lambda: one_operator("MatMul", WHOLE, WHOLE.swapaxes(1, 2).copy()),
    "MatMulIntegerToFloat": lambda: _product(WEIGHTS, STEPS.reshape(1, 1, 8)),
    "Mul": lambda: one_operator("Mul", FLOATS, OTHERS),
    "ReduceMax": lambda: _reduced("ReduceMax", FLOATS),
    "ReduceMean": lambda: _reduced("ReduceMean", WHOLE),
    "ReduceSum": lambda: _reduced("ReduceSum", WHOLE, np.array([1]), keep=0),
    "ReduceSumSquare": lambda: _reduced("ReduceSumSquare", FLOATS),
    "Reshape": lambda: one_operator("Reshape", WHOLE, np.array([0, 0, 4, 2]), fixed=[1]),
    "Round": lambda: one_operator("Round", np.array([0.5, 1.5, -2.5, 2.4999], np.float32)),
    "Shape": lambda: one_operator("Shape", FLOATS),
    "Slice": lambda: one_operator("Slice", WHOLE, np.array([0]), np.array([1]), fixed=[1]),
    "Softmax": lambda: one_operator("Softmax", FLOATS * 9, attributes=[attribute("axis", -1)]),
    "Split": lambda: one_operator(
        "Split", FLOATS, outputs=2, attributes=[attribute("axis", 2), attribute("num_outputs", 2)]
    ),
    "Sqrt": lambda: one_operator("Sqrt", np.abs(FLOATS)),
    "Sub": lambda: one_operator("Sub", FLOATS, OTHERS),
    "Transpose": lambda: one_operator(
        "Transpose", FLOATS, attributes=[attribute("perm", [0, 2, 1])]
    ),
    "Unsqueeze": lambda: one_operator("Unsqueeze", FLOATS, np.array([1, 2]), fixed=[1]),
}  # fmt: skip


def _near(pair: Both) -> Both:
    """Of two that may differ in their last bits: the second twice."""
    np.testing.assert_array_max_ulp(pair[0][0], pair[1][0], maxulp=4)
    return pair[1], pair[1]


@pytest.mark.parametrize("operator", CASES)
def test_an_operator_is_onnxruntimes(operator: str) -> None:
    """Types, shapes and numbers."""
    assert agree(*CASES[operator]())


def test_the_operators_are_those_of_the_shipped_graph(artifact: RouterArtifact) -> None:
    """None is missing, none is untried, none is there for nothing."""
    graph = check_onnx(artifact.encoder_path.read_bytes(), "it")
    assert {node.operator for node in graph.nodes} == OPERATORS.keys() == CASES.keys()


@given(
    st.integers(1, 600),
    st.integers(1, 40),
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.01, 1.0, 1e4]),
)
def test_a_read_out_adds_as_onnxruntime_does(
    width: int, outputs: int, seed: int, scale: float
) -> None:
    """Also of more than the 256 numbers that a kernel adds at once."""
    random = np.random.default_rng(seed)
    states = (random.normal(size=(1, width)) * scale).astype(np.float32)
    weights = random.normal(size=(outputs, width)).astype(np.float32)
    bias = random.normal(size=outputs).astype(np.float32)
    turned = attribute("transB", 1)
    ours, theirs = one_operator("Gemm", states, weights, bias, fixed=[1, 2], attributes=[turned])
    assert TO_THE_BIT is agree(ours, theirs) or np.allclose(ours, theirs, 1e-4, 1e-5 * scale)


@given(st.integers(1, 200), st.integers(0, 2**32 - 1), st.sampled_from([0.01, 1.0, 40.0]))
def test_a_softmax_is_onnxruntimes(size: int, seed: int, scale: float) -> None:
    """For every number of logits, also such that most of the chances are 0."""
    logits = (np.random.default_rng(seed).normal(size=(1, size)) * scale).astype(np.float32)
    assert agree(*one_operator("Softmax", logits))


@pytest.mark.parametrize(
    "numbers", [[0.0, 0.0], [3.5], [-7.25, -1.0], [1e-30, 2e-30], [0.5, 1.5, 255.0]]
)
def test_rounding_by_the_range_is_onnxruntimes(numbers: list[float]) -> None:
    """Nothing but zeros, one sign alone, tiny numbers, halves."""
    row = np.array([numbers], np.float32)
    assert agree(*one_operator("DynamicQuantizeLinear", row, outputs=3))


def test_a_product_whose_sums_float32_cannot_hold_is_exact_all_the_same() -> None:
    """1,100 weights of 63 times 255 are more than 2^24; the sum is odd. Weights have 7 bits: of 8,
    onnxruntime's own sums overflow on a CPU with AVX2 alone."""
    weights = np.full((1100, 6), 63, np.int8)
    steps = np.full((1, 1, 1100), 255, np.uint8)
    steps[..., -1] = 254
    assert agree(*_product(weights, steps, zero=0))


def test_axes_stay_for_keepdims_1_alone() -> None:
    """Any other number is a no, as in onnxruntime."""
    assert agree(*_reduced("ReduceMax", FLOATS, keep=2))


def test_a_sum_halfway_between_two_floats_is_rounded_once() -> None:
    """2^-70 below halfway, which float64 loses: rounded twice the sum would be one step more."""
    states = np.array([[1, 1 + 2**-23]], np.float32)
    weights = np.array([[1 + 2**-23, (1 - 2**-23) * 2**-24]], np.float32)
    turned = attribute("transB", 1)
    none = np.zeros(1, np.float32)
    ours, theirs = one_operator("Gemm", states, weights, none, fixed=[1, 2], attributes=[turned])
    assert ours[0][0, 0] == np.float32(1 + 2**-23)
    assert agree(ours, theirs)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: one_operator("Tanh", FLOATS), "the operator Tanh"),
        (lambda: one_operator("Cast", FLOATS, attributes=[attribute("to", 7)]), "a Cast"),
        (
            lambda: one_operator("Softmax", FLOATS, attributes=[attribute("axis", 1)]),
            "a Softmax over another axis",
        ),
        (
            lambda: one_operator(
                "Slice", WHOLE, np.array([0]), np.array([1]), np.array([1]), fixed=[1, 2, 3]
            ),
            "a Slice with axes",
        ),
        (
            lambda: one_operator("Gemm", FLOATS[0, :1], FLOATS[0].T.copy(), OTHERS[:5]),
            "whose input 1 is no constant",
        ),
        (
            lambda: one_operator(
                "FusedMatMul", WHOLE, WHOLE, attributes=[attribute("transA", 1)], domain=MICROSOFT
            ),
            r"the attributes \['transA'\]",
        ),
    ],
)
def test_what_the_exact_graph_has_not_needs_onnxruntime(
    make: Callable[[], Both], reason: str
) -> None:
    """Refused when the file is opened, with the way out."""
    with pytest.raises(ArtifactIncompatible, match=f"{reason}.*pip install"):
        make()
