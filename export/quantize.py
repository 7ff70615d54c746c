"""fp32 graph -> int8 graph that gives the same numbers on every CPU, and opens at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

__all__ = ["QUANTIZATION", "fuse", "quantize", "round_weights"]

QUANTIZATION = "dynamic QInt8, per channel, reduce_range"
SLOW_FUSIONS = ("SkipLayerNormFusion",)  # on a CPU four times as slow as what it replaces


def quantize(fp32: Path, int8: Path) -> None:
    """Write the graph `fp32` as int8, fused once and for all machines."""
    rounded, fused = int8.with_suffix(".rounded"), int8.with_suffix(".new")
    round_weights(fp32, rounded)
    fuse(rounded, fused)
    rounded.unlink()
    fused.replace(int8)


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
