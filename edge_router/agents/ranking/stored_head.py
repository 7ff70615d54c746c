"""The fitted head of a catalogue, kept in a file beside it: another process need not fit it again.

A head counts for the encoder and the examples that it was fitted to; for any others it is fitted
anew, and so it is where the file cannot be read.
"""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_router.errors import ArtifactCorrupt
from edge_router.guards.bounded_file import read_bytes, refuse_missing
from edge_router.guards.data_folder import write_atomically
from edge_router.learning.softmax_regression import SoftmaxRegression
from edge_router.routing.artifact.array_file import read_arrays

from ..catalog.catalog import CatalogView
from .head import LEAST_EXAMPLES, PENALTY, SKETCH_WEIGHT, AgentHead
from .word_sketch import DIM, LENGTHS, WordSketch

__all__ = ["fitted_head", "head_file"]

log = logging.getLogger("edge_router")

FORM = 1  # of the file; another one is fitted anew
MOST_BYTES = 1 << 25  # about 3,400 agents; a larger head is not kept
KINDS = {"key": ("U", 1), "names": ("U", 1), "words": ("f", 1), "weights": ("f", 2),
         "bias": ("f", 1)}  # fmt: skip
Arrays = Mapping[str, npt.NDArray[Any]]


def head_file(catalog: Path) -> Path:
    """Where the head of the catalogue in this file is kept."""
    return catalog.with_name(f"{catalog.stem}-head.npz")


def fitted_head(view: CatalogView, *, encoder: str, path: Path | None) -> AgentHead | None:
    """The head of the enabled agents: the one in the file `path` if it was fitted to these examples
    and this `encoder`, else a new one, which is kept there. None for too few examples.

    A file that cannot be read or written is logged and costs a fit, nothing else.
    """
    if path is None:
        return AgentHead.fit(view)
    key = _key(view, encoder)
    known = _stored(path, key, dim=view.spoken.shape[1] + DIM)
    if known is not None:
        return known
    head = AgentHead.fit(view)
    if head is not None:
        _keep(path, key, head)
    return head


def _key(view: CatalogView, encoder: str) -> str:
    """Equal for two fits that give the same head."""
    fitted = [
        [one.name, one.spoken, *one.examples]
        for one in view.agents
        if len(one.examples) >= LEAST_EXAMPLES
    ]
    settings = [FORM, PENALTY, SKETCH_WEIGHT, LEAST_EXAMPLES, DIM, LENGTHS]
    return sha256(json.dumps([encoder, settings, fitted]).encode()).hexdigest()


def _stored(path: Path, key: str, *, dim: int) -> AgentHead | None:
    """The head in the file, `dim` weights an agent; None for none, for another key, and for a file
    that cannot be read."""
    try:
        refuse_missing(path)
        arrays = read_arrays(read_bytes(path, ArtifactCorrupt, most=MOST_BYTES), str(path), KINDS)
        if arrays["key"].tolist() != [key]:
            return None
        return _head(arrays, dim)
    except FileNotFoundError:
        return None
    except (ArtifactCorrupt, ValueError) as error:
        log.warning("the head of the agents is fitted anew: %s", error)
        return None


def _head(arrays: Arrays, dim: int) -> AgentHead:
    """Raises ValueError for what is no head of `dim` weights an agent."""
    names = tuple(arrays["names"].tolist())
    shapes = {"words": (DIM,), "weights": (dim, len(names)), "bias": (len(names),)}
    for name, shape in shapes.items():
        if arrays[name].shape != shape or not np.isfinite(arrays[name]).all():
            raise ValueError(f"the {name} in it are not {shape} finite numbers")
    words, weights, bias = (arrays[name].astype(np.float32) for name in shapes)
    return AgentHead(names, WordSketch(words), SoftmaxRegression(weights, bias))


def _keep(path: Path, key: str, head: AgentHead) -> None:
    fitted = head.regression
    arrays: Arrays = {
        "key": np.array([key]),
        "names": np.array(head.names),
        "words": head.words.weights,
        "weights": np.ascontiguousarray(fitted.weights),
        "bias": fitted.bias,
    }
    if sum(one.nbytes for one in arrays.values()) > MOST_BYTES:
        log.info("the head of %d agents is too large to keep", len(head.names))
        return
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **arrays)
    try:
        write_atomically(path, content.getvalue())
        path.chmod(0o600)  # as the catalogue: it has the agents' names
    except OSError as error:
        log.warning("the head of the agents could not be kept: %s", error)
