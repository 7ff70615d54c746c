"""The same graph in onnxruntime and in numpy, and how far their numbers may differ here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from made_graph import OUTPUT, constant, node, number, part, value_info

from edge_router.routing.artifact.numpy_graph.session import NumpySession

KINDS = {"float32": 1, "uint8": 2, "int8": 3, "int32": 6, "int64": 7}
CPU = Path("/proc/cpuinfo")

# The read-out layers repeat what onnxruntime's kernels for AVX-512 do; those for other processors
# add in another order.
TO_THE_BIT = CPU.exists() and " avx512f " in CPU.read_text()


def agree(ours: Sequence[Any], theirs: Sequence[Any]) -> bool:
    """Whether types, shapes and numbers are equal; without AVX-512 but for the last bits."""
    for one, other in zip(ours, theirs, strict=True):
        if one.dtype != other.dtype or one.shape != other.shape:
            return False
        if not (np.array_equal(one, other) if TO_THE_BIT else np.allclose(one, other, 1e-5, 1e-6)):
            return False
    return True


def graph(*nodes: bytes, constants: dict[str, Any], inputs: dict[str, Any], outputs: int) -> bytes:
    """A file with the outputs y0, y1, ..."""
    held = [
        constant(name, list(array.shape), KINDS[array.dtype.name], array.tobytes())
        for name, array in constants.items()
    ]
    ends = [
        value_info(11, name, KINDS[array.dtype.name], list(array.shape))
        for name, array in inputs.items()
    ]
    ends += [part(OUTPUT, part(1, f"y{place}".encode())) for place in range(outputs)]
    imported = [
        part(8, part(1, domain), number(2, opset))
        for domain, opset in ((b"", 21), (b"com.microsoft", 1))
    ]
    return number(1, 10) + part(7, part(2, b"g"), *nodes, *held, *ends) + b"".join(imported)


def both(content: bytes, inputs: dict[str, Any], outputs: int) -> tuple[list[Any], list[Any]]:
    """The outputs in numpy and in onnxruntime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    theirs = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    names = [f"y{place}" for place in range(outputs)]
    return NumpySession(content, "made").run(names, inputs), theirs.run(names, inputs)


def one_operator(
    operator: str,
    *inputs: Any,
    fixed: Sequence[int] = (),
    outputs: int = 1,
    attributes: Sequence[bytes] = (),
    domain: str = "",
) -> tuple[list[Any], list[Any]]:
    """`both` for one node; the inputs at the places in `fixed` are constants of the file."""
    arrays = {f"x{place}": np.asarray(array) for place, array in enumerate(inputs)}
    made = node(operator, [*arrays], [f"y{n}" for n in range(outputs)], *attributes, domain=domain)
    constants = {f"x{place}": arrays.pop(f"x{place}") for place in fixed}
    content = graph(made, constants=constants, inputs=arrays, outputs=outputs)
    return both(content, arrays, outputs)
