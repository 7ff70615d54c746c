"""How much memory and time a graph can take, computed before onnxruntime sees it.

The shape of every tensor is worked out for one text of the most tokens. Each rule gives a shape
that no shorter text exceeds: sizes may come from a constant or from the shape of another tensor,
never from what a tensor holds. So a graph that passes stays within the limits for every query.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from edge_router.errors import ArtifactCorrupt

from .graph import UNFIT, Graph, Node, NotAllowed
from .rules import RULES, Known, Shape

__all__ = ["check_bounds"]

MAX_NODES = 3_000
MAX_NUMBERS, MAX_NUMBERS_IN_ALL = 2**23, 2**27  # in one tensor, in all that are computed
MAX_WORK = 4e9  # multiplications; router-small needs 0.6e9, MiniLM-L6 2e9
WORK_PER_NUMBER = 8  # what reading or writing one is worth
INPUTS = ("input_ids", "attention_mask")
VECTOR, LENGTH, EMBEDDING = "representation", "log_tokens", "embedding"


def check_bounds(graph: Graph, where: str, *, tokens: int, dim: int, embedding: int = 0) -> None:
    """Raise ArtifactCorrupt unless the graph is an encoder of bounded work.

    It must read texts of at most `tokens` tokens and give a vector of `dim` numbers, a length and,
    where that is not 0, an embedding of `embedding` numbers.
    """
    sizes = {VECTOR: dim, LENGTH: 1} | ({EMBEDDING: embedding} if embedding else {})
    try:
        _check_ends(graph, sizes)
        shapes = _shapes(graph, tokens)
        for name, size in sizes.items():
            if shapes.get(name) != (1, size):
                raise NotAllowed(f"gives {name} as {shapes.get(name)}, not as {(1, size)}")
    except NotAllowed as error:
        raise ArtifactCorrupt(f"{where} {error}") from None


def _check_ends(graph: Graph, wanted: Iterable[str]) -> None:
    if sorted(graph.inputs) != sorted(INPUTS):
        raise NotAllowed(f"has the inputs {graph.inputs[:5]}, not {list(INPUTS)}")
    if sorted(graph.outputs) != sorted(wanted):
        raise NotAllowed(f"has the outputs {graph.outputs[:5]}, not {[*wanted]}")
    if len(graph.nodes) > MAX_NODES:
        raise NotAllowed(f"has {len(graph.nodes)} operators, more than {MAX_NODES}")


def _shapes(graph: Graph, tokens: int) -> dict[str, Shape]:
    """The shape of every tensor. Raises NotAllowed where they are too large together."""
    shapes: dict[str, Shape] = dict.fromkeys(INPUTS, (1, tokens))
    known = Known(constants={}, sizes={})
    for constant in graph.constants:
        constant.check()
        _define(shapes, constant.name, constant.shape)
        if (numbers := constant.numbers()) is not None:
            known.constants[constant.name] = numbers
    work, numbers_in_all = 0.0, 0
    for node in graph.nodes:
        outputs, multiplications = _apply(node, shapes, known)
        for name, shape in zip(node.outputs, outputs, strict=True):
            _define(shapes, name, shape)
        written = sum(map(math.prod, outputs))
        numbers_in_all += written
        work += multiplications + WORK_PER_NUMBER * (written + _read(node, shapes))
        if numbers_in_all > MAX_NUMBERS_IN_ALL or work > MAX_WORK:
            raise NotAllowed(
                f"takes more than {MAX_NUMBERS_IN_ALL} numbers or {MAX_WORK:g} multiplications "
                f"for {tokens} tokens"
            )
    return shapes


def _apply(node: Node, shapes: dict[str, Shape], known: Known) -> tuple[list[Shape], float]:
    """The shapes of a node's outputs, and its multiplications."""
    rule = RULES[node.operator]
    for name, value in node.attributes.items():
        if name not in rule.attributes or value is UNFIT:
            raise NotAllowed(f"gives {node.operator} the attribute {name!r}, not allowed")
    try:
        inputs = [shapes[name] if name else () for name in node.inputs]
        outputs = rule.shapes(node, inputs, known)
        multiplications = rule.work(node, inputs, outputs)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        reason = error if isinstance(error, NotAllowed) else f"it lacks something ({error})"
        raise NotAllowed(f"has no bounds at {node.operator} {node.outputs[:3]}: {reason}") from None
    if len(outputs) != len(node.outputs):
        raise NotAllowed(f"has {len(node.outputs)} outputs of {node.operator}, not {len(outputs)}")
    return outputs, multiplications


def _define(shapes: dict[str, Shape], name: str, shape: Shape) -> None:
    if not name or name in shapes:
        raise NotAllowed(f"defines {name!r} twice or without a name")
    if len(shape) > 8 or min(shape, default=1) < 1 or math.prod(shape) > MAX_NUMBERS:
        raise NotAllowed(f"makes {name!r} as large as {list(shape)[:8]}")
    shapes[name] = shape


def _read(node: Node, shapes: dict[str, Shape]) -> int:
    """How many numbers a node reads; Gather, Slice and Shape read no more than they give."""
    if node.operator in ("Gather", "Slice", "Shape"):
        return 0
    return sum(math.prod(shapes[name]) for name in node.inputs if name)
