"""The exact graph: its numbers depend neither on the machine nor on the order of sums."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="the extra `export` is not installed")

from onnx.reference import ReferenceEvaluator  # noqa: E402
from onnx.reference.op_run import OpRun  # noqa: E402

from edge_router.export.graphs.exact_graph import GELU_UNIT, GraphWriter, gelu  # noqa: E402
from edge_router.routing.artifact.encoder import open_session  # noqa: E402
from edge_router.routing.artifact.manifest import RouterArtifact  # noqa: E402
from edge_router.routing.artifact.text import RouterTokenizer  # noqa: E402

TEXTS = [
    "What is the capital of France?",
    "hi",
    "Prove that there are infinitely many primes. " * 8,
    "Was ist der Unterschied zwischen Wetter und Klima? \U0001f327",
]


class MatMulIntegerToFloat(OpRun):  # type: ignore[misc]
    """onnxruntime's operator in numpy, in 64-bit whole numbers."""

    op_domain = "com.microsoft"

    def _run(self, a: Any, b: Any, a_scale: Any, b_scale: Any, zero: Any, _zeros: Any) -> Any:
        whole = (a.astype(np.int64) - int(zero)) @ b.astype(np.int64)
        return (whole.astype(np.float32) * (a_scale * b_scale).astype(np.float32),)


class FusedMatMul(OpRun):  # type: ignore[misc]
    """The second matrix of each pair is transposed first."""

    op_domain = "com.microsoft"

    def _run(self, a: Any, b: Any, **settings: Any) -> Any:
        assert {name: value for name, value in settings.items() if value} == {"transB": 1}
        return (a @ np.swapaxes(b, -1, -2),)


@pytest.mark.filterwarnings("ignore")  # numpy warns of exp's underflow at padding
def test_another_implementation_gives_the_same_numbers(artifact: RouterArtifact) -> None:
    """onnx's reference in numpy adds up in another order, and ends up at the same numbers."""
    manifest = artifact.manifest
    tokenizer = RouterTokenizer(artifact.tokenizer_path, max_tokens=manifest.max_tokens)
    session = open_session(artifact.encoder_path)
    operators = [MatMulIntegerToFloat, FusedMatMul]
    reference = ReferenceEvaluator(str(artifact.encoder_path), new_ops=operators)
    for text in TEXTS:
        ids, mask = tokenizer.batch([text])
        feed = {"input_ids": ids, "attention_mask": mask}
        for ours, theirs in zip(session.run(None, feed), reference.run(None, feed), strict=True):
            assert ours == pytest.approx(theirs, abs=2e-6, rel=2e-6)


def test_gelu_is_near_gelu_and_ends_in_nothing_and_in_itself() -> None:
    """Within 0.008 of x * P(x); far to the left 0, far to the right x."""
    from onnx import TensorProto, helper

    writer = GraphWriter()
    name = gelu(writer, "x")
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n"]) for n in ("x", name)]
    constants = list(writer.initializers.values())
    graph = helper.make_graph(writer.nodes, "gelu", ends[:1], ends[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    x = np.linspace(-8, 8, 4001, dtype=np.float32)
    (result,) = ReferenceEvaluator(model).run(None, {"x": x})
    expected = [value * (1 + math.erf(value / math.sqrt(2))) / 2 for value in x.tolist()]
    assert np.abs(result / GELU_UNIT - expected).max() < 0.008
    assert result[0] / GELU_UNIT == pytest.approx(0, abs=1e-4)
    assert result[-1] / GELU_UNIT == pytest.approx(8, abs=1e-4)
