"""int8 as onnxruntime's own tools make it: what the shipped graph is compared with.

Its sums depend on the CPU, so that estimates differ between machines; see exact_graph.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

__all__ = ["SLOW_FUSIONS", "fuse", "round_weights"]

SLOW_FUSIONS = ("SkipLayerNormFusion",)  # on a CPU four times as slow as what it replaces


def round_weights(fp32: Path, rounded: Path) -> None:
    """Quantise weights to signed 8 bits.

    `reduce_range` (7 bits) is what makes CPUs with and without VNNI agree; per channel is what
    keeps the quality then. The small read-out layers (the only Gemm nodes) stay in fp32.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    model = onnx.load(fp32)
    gemms = [node.name for node in model.graph.node if node.op_type == "Gemm"]
    quantize_dynamic(
        fp32,
        rounded,
        op_types_to_quantize=["MatMul", "Attention", "Gather"],
        nodes_to_exclude=[f"{name}_MatMul" for name in gemms],  # their names while quantising
        per_channel=True,
        reduce_range=True,
        weight_type=QuantType.QInt8,
        extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT, "MatMulConstBOnly": True},
    )


def fuse(graph: Path, fused: Path, *, without: Sequence[str] = SLOW_FUSIONS) -> None:
    """Do what onnxruntime would do each time it opens the file, but for the fusions `without`."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(fused)
    options.log_severity_level = 3
    onnxruntime.InferenceSession(
        str(graph),
        options,
        providers=["CPUExecutionProvider"],
        disabled_optimizers=list(without),
    )
