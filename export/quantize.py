"""fp32 graph -> int8 graph that gives the same numbers on every CPU."""

from __future__ import annotations

from pathlib import Path

__all__ = ["QUANTIZATION", "quantize"]

QUANTIZATION = "dynamic QInt8, per channel, reduce_range"


def quantize(fp32: Path, int8: Path) -> None:
    """Quantise weights to signed 8 bits.

    `reduce_range` (7 bits) is what makes CPUs with and without VNNI agree; per channel is what
    keeps the quality then. The small read-out layers (the only Gemm nodes) stay in fp32.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    model = onnx.load(fp32)
    gemms = [node.name for node in model.graph.node if node.op_type == "Gemm"]
    unfinished = int8.with_suffix(".new")
    quantize_dynamic(
        fp32,
        unfinished,
        op_types_to_quantize=["MatMul", "Attention", "Gather"],
        nodes_to_exclude=[f"{name}_MatMul" for name in gemms],  # their names while quantising
        per_channel=True,
        reduce_range=True,
        weight_type=QuantType.QInt8,
        extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT, "MatMulConstBOnly": True},
    )
    unfinished.replace(int8)
