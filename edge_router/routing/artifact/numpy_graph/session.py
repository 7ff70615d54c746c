"""Runs an encoder's graph in numpy; called like a session of onnxruntime."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from edge_router.errors import ArtifactCorrupt, ArtifactIncompatible

from ..onnx.check import check_onnx
from ..onnx.graph import Constant, Node, NotAllowed
from .operators import OPERATORS, Array, Operator, joined

__all__ = ["NumpySession"]

TYPES = {1: "<f4", 2: "u1", 3: "i1", 6: "<i4", 7: "<i8", 9: "?"}  # by ONNX's number


@dataclass(frozen=True, slots=True)
class _Step:
    """One node, ready to run. `spent` are the tensors that nothing reads after it."""

    operator: Operator
    node: Node
    spent: Sequence[str]


class NumpySession:
    """The graph in `content`, the bytes of an ONNX file called `where`. Thread-safe.

    Runs the operators of the graph that `edge-router export` makes and no others: raises
    ArtifactIncompatible for a graph with another one, ArtifactCorrupt for a file that is no graph
    or does not do what an encoder does. Sizes are not bounded here, see `check_bounds`.
    """

    def __init__(self, content: bytes, where: str) -> None:
        self._where = where
        graph = check_onnx(content, where)
        try:
            self._constants = {one.name: _array(one) for one in graph.constants}
        except NotAllowed as error:
            raise ArtifactCorrupt(f"{where} {error}") from None
        self._nodes = [(node, self._operator(node)) for node in joined(graph.nodes)]
        self._plans: dict[tuple[str, ...], Sequence[_Step]] = {}

    def run(self, names: Sequence[str], feeds: Mapping[str, Array]) -> list[Array]:
        """The outputs called `names`, for inputs by name; only what they need is computed."""
        wanted = tuple(names)
        plan = self._plans.get(wanted)
        if plan is None:
            plan = self._plans[wanted] = tuple(_plan(self._nodes, wanted))
        values: dict[str, Any] = {**self._constants, **feeds}
        try:
            with np.errstate(all="ignore"):  # exp of padding is 0, which is meant
                for step in plan:
                    _run(step, values)
                return [values[name] for name in wanted]
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise ArtifactCorrupt(f"numpy cannot run {self._where}: {error}") from None

    def _operator(self, node: Node) -> Operator:
        make = OPERATORS.get(node.operator)
        try:
            if make is None:
                raise NotAllowed(f"has the operator {node.operator}")
            return make(node, self._constants)
        except NotAllowed as error:
            raise ArtifactIncompatible(
                f"{self._where} {error}, which runs in onnxruntime alone; "
                "pip install 'onnxruntime>=1.30' or use the artifact router-small"
            ) from None
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            return partial(_fail, error)  # a branch that nobody asks for does no harm


def _fail(error: Exception, *_inputs: Array) -> Array:
    raise error


def _array(constant: Constant) -> Array:
    constant.check()
    return np.frombuffer(constant.raw, dtype=TYPES[constant.kind]).reshape(constant.shape)


def _plan(nodes: Sequence[tuple[Node, Operator]], wanted: Sequence[str]) -> Iterator[_Step]:
    """The steps that `wanted` needs, in the order of the file."""
    needed, chosen = set(wanted), []
    for node, operator in reversed(nodes):
        if needed.isdisjoint(node.outputs):
            continue
        spent = {*node.inputs, *node.outputs} - needed
        needed.update(node.inputs)
        chosen.append(_Step(operator, node, sorted(spent)))
    return reversed(chosen)


def _run(step: _Step, values: dict[str, Any]) -> None:
    node = step.node
    result = step.operator(*[values[name] for name in node.inputs])
    if len(node.outputs) == 1:
        values[node.outputs[0]] = result
    else:
        values.update(zip(node.outputs, result, strict=True))
    for name in step.spent:
        del values[name]
