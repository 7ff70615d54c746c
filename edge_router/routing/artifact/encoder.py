"""The quantized BERT: text -> what the query asks for, as one small vector."""

from __future__ import annotations

import logging
import math
import os
import sys
from collections.abc import Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from edge_router.errors import ArtifactCorrupt, ArtifactIncompatible, ConfigError
from edge_router.guards.forking import NO_FORK, ForkSafeLock, NativeCalls, renew_after_fork

from ..arrays import Float32s
from .manifest import ENCODER, TOKENIZER, RouterArtifact
from .representation import Representation
from .text import RouterTokenizer

__all__ = ["OnnxEncoder", "Runtime", "link_runtime", "open_session"]

log = logging.getLogger("edge_router")

Runtime = Literal["onnxruntime", "numpy"]

UNIT = 1e-3  # how far from 1 the square of an embedding's length may be: that is rounding


class OnnxEncoder:
    """The artifact's encoder. Thread-safe; the session opens on first use.

    It runs in onnxruntime; in numpy alone, with the same numbers but slower, where onnxruntime
    cannot be imported, or where `runtime` says so. A forked child shares the session of its
    parent, or opens its own where another thread was inside of it at the fork. With `embeds` a
    Representation has its text's embedding too. Raises ArtifactCorrupt for a graph or a tokenizer
    that does not do what an encoder does, ArtifactIncompatible for a graph that needs onnxruntime
    where there is none.
    """

    def __init__(
        self, artifact: RouterArtifact, *, embeds: bool = False, runtime: Runtime | None = None
    ) -> None:
        if runtime not in (None, *get_args(Runtime)):
            raise ConfigError(f"runtime={runtime!r:.80}; give one of {get_args(Runtime)}, or None")
        self._artifact, self._wanted = artifact, runtime
        self._embeds = embeds
        self._lock = ForkSafeLock()
        self._calls = NativeCalls()
        self._ready: tuple[RouterTokenizer, Any] | None = None
        renew_after_fork(self)

    def __reduce__(self) -> tuple[Any, ...]:
        # Another process opens its own session.
        made = partial(type(self), embeds=self._embeds, runtime=self._wanted)
        return made, (self._artifact,)

    @property
    def runtime(self) -> Runtime:
        """What the graph runs in. Opens the session."""
        from .numpy_graph.session import NumpySession

        _, session = self._ready or self._open()
        return "numpy" if isinstance(session, NumpySession) else "onnxruntime"

    def represent(self, text: str) -> Representation:
        manifest = self._artifact.manifest
        sizes = {"representation": manifest.representation_dim, "log_tokens": 1}
        if self._embeds:
            sizes["embedding"] = manifest.embedding_dim
        vectors, log_tokens, *embeddings = self._run(text, sizes)
        embedding = embeddings[0][0] if embeddings else None
        return Representation(vectors[0], float(log_tokens[0, 0]), embedding)

    def represent_batch(self, texts: Sequence[str]) -> tuple[Float32s, Float32s]:
        """Vectors (batch, representation_dim) and log_tokens (batch,), each text's as alone."""
        sizes = {"representation": self._artifact.manifest.representation_dim, "log_tokens": 1}
        vectors, log_tokens = self._run_each(texts, sizes)
        return vectors, log_tokens[:, 0]

    def embed(self, texts: Sequence[str]) -> Float32s:
        """Sentence embeddings (batch, embedding_dim) of texts of at most the artifact's `max_chars`
        characters, each of length 1: their products are cosine similarities. Each is as alone.

        Raises ArtifactIncompatible for an artifact whose encoder gives none.
        """
        dim = self._artifact.manifest.embedding_dim
        if not dim:
            raise ArtifactIncompatible(
                f"the artifact {self._artifact.manifest.name!r} gives no embeddings; export it "
                "again, with `embedding` in the plan of its student"
            )
        (embeddings,) = self._run_each(texts, {"embedding": dim})
        squares = np.einsum("ij,ij->i", embeddings, embeddings)
        if not (np.abs(squares - 1) < UNIT).all():
            raise ArtifactCorrupt(
                f"{self._artifact.encoder_path} gave an embedding that is not of length 1"
            )
        return embeddings

    def _run_each(self, texts: Sequence[str], sizes: Mapping[str, int]) -> list[Float32s]:
        """The outputs of the graph called as in `sizes`, each (batch, size).

        One text after another: a graph quantises its activations by the range of all that it is
        given at once, so that beside other texts a text would get other numbers.
        """
        outputs = [np.empty((len(texts), size), dtype=np.float32) for size in sizes.values()]
        for row, text in enumerate(texts):
            for column, output in zip(outputs, self._run(text, sizes), strict=True):
                column[row] = output[0]
        return outputs

    def _run(self, text: str, sizes: Mapping[str, int]) -> list[Float32s]:
        """The outputs of the graph called as in `sizes`, each (1, size)."""
        with self._calls:
            tokenizer, session = self._ready or self._open()
            ids, mask = tokenizer.batch([text])
            try:
                outputs: list[Float32s] = session.run(
                    [*sizes], {"input_ids": ids, "attention_mask": mask}
                )
            except _refusals() as error:
                raise ArtifactCorrupt(
                    f"onnxruntime cannot run {self._artifact.encoder_path}: {error}"
                ) from None
        shapes = [(1, size) for size in sizes.values()]
        if not all(map(_is_sound, outputs, shapes)):
            raise ArtifactCorrupt(
                f"{self._artifact.encoder_path} gave {[one.shape for one in outputs]} numbers that "
                f"are not finite or not {shapes}"
            )
        return outputs

    def _open(self) -> tuple[RouterTokenizer, Any]:
        with self._lock, NO_FORK:
            if self._ready is None:
                artifact = self._artifact
                tokenizer = RouterTokenizer(
                    artifact.tokenizer_path,
                    max_tokens=artifact.manifest.max_tokens,
                    content=artifact.content(TOKENIZER),
                )
                graph = artifact.content(ENCODER)
                where = str(artifact.encoder_path)
                session = _wanted_session(self._wanted, graph, where)
                self._ready = tokenizer, session
            return self._ready

    def after_fork(self) -> None:
        """The locks of a session stay as they were if a thread was inside of it."""
        if self._calls.under_way:
            _LEFT_BEHIND.append(self._ready)  # to end it might wait for such a lock
            self._ready = None
        self._calls.forget()


_LEFT_BEHIND: list[Any] = []


def _is_sound(numbers: Float32s, shape: tuple[int, int]) -> bool:
    """Whether the numbers have this shape and are finite. Their sum of squares tells the latter,
    in a hundredth of the time that a look at each would take."""
    flat = numbers.ravel()
    return numbers.shape == shape and math.isfinite(flat.dot(flat))


def open_session(path: os.PathLike[str], threads: int = 1, *, fused: bool = True) -> Any:
    """An onnxruntime session that is quiet, small and leaves the other cores alone.

    No telemetry (the variable works only before the first import), one thread that does not spin
    (spinning goes on burning the CPU after a call). Its memory is kept between calls: a query is
    cut, which bounds it, and fresh pages are dear. The graph of an artifact
    is `fused` already; doing that again would take longer than all the rest of opening it. More
    `threads` are for measurements only: p99 gets worse. Raises ArtifactCorrupt when onnxruntime
    cannot read the file.
    """
    return _session(os.fspath(path), os.fspath(path), threads, fused=fused)


def link_runtime() -> Any | None:
    """Import onnxruntime, without its telemetry, and return it. The first time its library is
    linked, which takes about 20 ms in which no other thread of the interpreter runs.

    None where it cannot be imported, as on the platforms without a wheel; the first time, the log
    says why.
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    try:
        import onnxruntime
    except ImportError as error:
        _say_without(error)
        return None
    return onnxruntime


@cache
def _say_once(reason: str, level: int) -> None:
    log.log(level, "onnxruntime cannot be imported (%s): the encoder runs in numpy alone, which "
            "gives the same decisions and takes longer", reason)  # fmt: skip


def _say_without(error: ImportError) -> None:
    """Log that onnxruntime is missing; as a warning where it is installed and broken."""
    is_absent = isinstance(error, ModuleNotFoundError) and error.name == "onnxruntime"
    _say_once(str(error), logging.INFO if is_absent else logging.WARNING)


def _session(model: str | bytes, where: str, threads: int = 1, *, fused: bool = True) -> Any:
    """A session for a graph, given by its path or its content; numpy's where onnxruntime is
    missing."""
    onnxruntime = link_runtime()
    if onnxruntime is None:
        return _in_numpy(model, where)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    level = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = level.ORT_DISABLE_ALL if fused else level.ORT_ENABLE_ALL
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except _refusals() as error:
        raise ArtifactCorrupt(f"onnxruntime cannot open {where}: {error}") from None
    session._model_bytes = None  # noqa: SLF001  # it would keep the file's content for good
    return session


def _wanted_session(runtime: Runtime | None, graph: bytes, where: str) -> Any:
    if runtime == "numpy":
        return _in_numpy(graph, where)
    if runtime == "onnxruntime" and link_runtime() is None:
        raise ConfigError(
            "runtime='onnxruntime', which cannot be imported here; leave it out to use numpy, or "
            "pip install 'onnxruntime>=1.30'"
        )
    return _session(graph, where)


def _in_numpy(model: str | bytes, where: str) -> Any:
    from .numpy_graph.session import NumpySession

    try:
        content = Path(model).read_bytes() if isinstance(model, str) else model
    except OSError as error:
        raise ArtifactCorrupt(f"{where} cannot be read: {error.strerror}") from None
    return NumpySession(content, where)


def _refusals() -> tuple[type[Exception], ...]:
    """The exception classes of onnxruntime; none where it was not imported."""
    if sys.modules.get("onnxruntime") is None:
        return ()
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    kinds = (getattr(state, name) for name in dir(state))
    own = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Exception)]
    return (*own, RuntimeError, ValueError)  # the last ones by its Python part
