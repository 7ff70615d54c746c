"""The quantized BERT: text -> what the query asks for, as one small vector."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from .artifact import RouterArtifact
from .errors import ArtifactCorrupt
from .text import RouterTokenizer

__all__ = ["Encoder", "OnnxEncoder", "Representation", "open_session"]

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Representation:
    """What the encoder says of a query.

    `vector` (representation_dim,): how hard the query is and in which ways, then the posterior
    over the artifact's task kinds (sums to 1). `log_tokens`: natural logarithm of the expected
    length of an answer, in tokens.
    """

    vector: FloatArray
    log_tokens: float


class Encoder(Protocol):
    """Anything that turns a text into a Representation; see `edge_router.testing`."""

    def represent(self, text: str) -> Representation:
        """One text of at most the artifact's `max_chars` characters."""
        ...


class OnnxEncoder:
    """The artifact's encoder in onnxruntime. Thread-safe; the session opens on first use."""

    def __init__(self, artifact: RouterArtifact) -> None:
        self._artifact = artifact
        self._lock = threading.Lock()
        self._ready: tuple[RouterTokenizer, Any] | None = None

    def represent(self, text: str) -> Representation:
        vectors, log_tokens = self.represent_batch([text])
        return Representation(vectors[0], float(log_tokens[0]))

    def represent_batch(self, texts: Sequence[str]) -> tuple[FloatArray, FloatArray]:
        """Vectors (batch, representation_dim) and log_tokens (batch,)."""
        tokenizer, session = self._open()
        ids, mask = tokenizer.batch(texts)
        vectors, log_tokens = session.run(
            ["representation", "log_tokens"], {"input_ids": ids, "attention_mask": mask}
        )
        return vectors, log_tokens[:, 0]

    def _open(self) -> tuple[RouterTokenizer, Any]:
        with self._lock:
            if self._ready is None:
                manifest = self._artifact.manifest
                self._ready = (
                    RouterTokenizer(self._artifact.tokenizer_path, max_tokens=manifest.max_tokens),
                    open_session(self._artifact.encoder_path),
                )
            return self._ready


def open_session(path: os.PathLike[str], threads: int = 1, *, fused: bool = True) -> Any:
    """An onnxruntime session that is quiet, small and leaves the other cores alone.

    No telemetry (the variable works only before the first import), one thread that does not spin
    (spinning goes on burning the CPU after a call). Its memory is kept between calls: a query is
    cut, which bounds it, and fresh pages are dear. The graph of an artifact
    is `fused` already; doing that again would take longer than all the rest of opening it. More
    `threads` are for measurements only: p99 gets worse. Raises ArtifactCorrupt when onnxruntime
    cannot read the file.
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    level = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = level.ORT_DISABLE_ALL if fused else level.ORT_ENABLE_ALL
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    state = onnxruntime.capi.onnxruntime_pybind11_state
    refusals = (state.InvalidProtobuf, state.InvalidGraph, state.NoSuchFile, state.Fail)
    try:
        return onnxruntime.InferenceSession(
            os.fspath(path), options, providers=["CPUExecutionProvider"]
        )
    except refusals as error:
        raise ArtifactCorrupt(f"onnxruntime cannot open {os.fspath(path)}: {error}") from None
