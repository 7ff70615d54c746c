"""fp32 graph -> int8 graph that gives the same numbers on every CPU."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

__all__ = ["QUANTIZATION", "quantize"]

QUANTIZATION = "dynamic QInt8, per channel, reduce_range; two-pass inputs in layers 0-2"

FINER_INPUTS = r"layer\.[012]/(intermediate|output)/dense"


def quantize(fp32: Path, int8: Path) -> None:
    """Quantise weights to signed 8 bits.

    `reduce_range` (7 bits) is what makes CPUs with and without VNNI agree; per channel is what
    keeps the quality then. The small read-out layers (the only Gemm nodes) stay in fp32.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    model = onnx.load(fp32)
    gemms = [node.name for node in model.graph.node if node.op_type == "Gemm"]
    split = int8.with_suffix(".split.onnx")
    onnx.save(_with_two_pass_inputs(model), split)
    unfinished = int8.with_suffix(".new")
    quantize_dynamic(
        split,
        unfinished,
        op_types_to_quantize=["MatMul", "Attention", "Gather"],
        nodes_to_exclude=[f"{name}_MatMul" for name in gemms],  # their names while quantising
        per_channel=True,
        reduce_range=True,
        weight_type=QuantType.QInt8,
        extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT, "MatMulConstBOnly": True},
    )
    split.unlink()
    unfinished.replace(int8)


def _with_two_pass_inputs(model: Any) -> Any:
    """Give the feed-forward layers that need it 16 bits of input instead of 8.

    x W = x8 W + (x - x8) W, where x8 is x rounded to 8 bits: both products stay in int8, the
    second with a scale 256 times finer. Inputs with outliers (after GELU, in the first layers) made
    most of the difference between int8 and fp32.
    """
    from onnx import helper

    nodes: list[Any] = []
    for node in model.graph.node:
        if node.op_type != "MatMul" or not re.search(FINER_INPUTS, node.name):
            nodes.append(node)
            continue
        (x, weight), (out,), name = node.input, node.output, node.name
        rounded = [f"{name}_{part}" for part in ("x8", "scale", "zero")]
        nodes += [
            helper.make_node("DynamicQuantizeLinear", [x], rounded, f"{name}_round"),
            helper.make_node("DequantizeLinear", rounded, [f"{name}_coarse"], f"{name}_back"),
            helper.make_node("Sub", [x, f"{name}_coarse"], [f"{name}_rest"], f"{name}_sub"),
            helper.make_node("MatMul", [f"{name}_coarse", weight], [f"{name}_1"], f"{name}_first"),
            helper.make_node("MatMul", [f"{name}_rest", weight], [f"{name}_2"], f"{name}_second"),
            helper.make_node("Add", [f"{name}_1", f"{name}_2"], [out], f"{name}_add"),
        ]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model
