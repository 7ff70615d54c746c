"""The stages of a decision, timed separately; only this file knows the encoder's internals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

from edge_router.chat.completion import ChatRequest, Message
from edge_router.routing.artifact.encoder import OnnxEncoder, open_session
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.artifact.numpy_graph.session import NumpySession
from edge_router.routing.artifact.representation import Encoder, Representation
from edge_router.routing.artifact.text import RouterTokenizer, cut
from edge_router.routing.roster import profile_experts
from edge_router.routing.router import Router, operating_point
from edge_router.settings.config import Config

__all__ = ["Stages", "named", "request_of"]

OUTPUTS = ("representation", "log_tokens")


def named(artifact: RouterArtifact) -> tuple[str, str]:
    """(name, hash) of an artifact, as rows name it, without its path."""
    return artifact.manifest.name, artifact.hash


def request_of(text: str) -> ChatRequest:
    return ChatRequest((Message("user", text),))


@dataclass(frozen=True, slots=True)
class _Known:
    """An encoder with a stored result, so that only the rest of a decision is timed."""

    representation: Representation

    def represent(self, text: str) -> Representation:  # noqa: ARG002
        return self.representation


@dataclass(frozen=True, slots=True)
class _Threaded:
    """The steps of OnnxEncoder on a session with several threads, which is not shipped."""

    stages: Stages

    def represent(self, text: str) -> Representation:
        vectors, log_tokens = self.stages.encode(self.stages.arrays([text]))
        return Representation(vectors[0], float(log_tokens[0, 0]))


@dataclass(frozen=True, slots=True)
class Stages:
    """Tokenise, encode, decide: each callable alone. `threads` are onnxruntime's within a call."""

    artifact: RouterArtifact
    tokenizer: RouterTokenizer
    bare: Any
    session: Any
    threads: int = 1

    @classmethod
    def load(cls, artifact: RouterArtifact, *, threads: int = 1) -> Self:
        from tokenizers import Tokenizer

        tokenizer = RouterTokenizer(
            artifact.tokenizer_path, max_tokens=artifact.manifest.max_tokens
        )
        bare = Tokenizer.from_file(str(artifact.tokenizer_path))
        bare.no_truncation()
        bare.no_padding()
        session = open_session(artifact.encoder_path, threads)
        return cls(artifact, tokenizer, bare, session, threads)

    def cut(self, texts: Sequence[str]) -> list[str]:
        """Texts cut as the router cuts them."""
        return [cut(text, self.artifact.manifest.max_chars) for text in texts]

    def arrays(self, texts: Sequence[str]) -> dict[str, Any]:
        """The graph's input arrays for cut texts."""
        ids, mask = self.tokenizer.batch(texts)
        return {"input_ids": ids, "attention_mask": mask}

    def bare_tokens(self, text: str) -> Any:
        """The tokenizers package alone, without our cut, checks and arrays."""
        return self.bare.encode_batch_fast([text], add_special_tokens=False)

    def encode(self, arrays: dict[str, Any]) -> Any:
        return self.session.run(OUTPUTS, arrays)

    def encoder_in_numpy(self) -> Callable[[dict[str, Any]], Any]:
        """What `encode` does, without onnxruntime."""
        path = self.artifact.encoder_path
        return partial(NumpySession(path.read_bytes(), str(path)).run, OUTPUTS)

    def router_in_numpy(self) -> Router:
        """The shipped router as it runs without onnxruntime."""
        return self.router(OnnxEncoder(self.artifact, runtime="numpy"))

    def tokens_seen(self, texts: Sequence[str]) -> int:
        """Tokens of the longest cut text, as the graph reads it."""
        return max(len(self.tokenizer.input_ids(text)) for text in self.cut(texts))

    def router(self, encoder: Encoder | None = None) -> Router:
        """A router with the shipped experts; with one thread it is the shipped router."""
        if encoder is None:
            encoder = OnnxEncoder(self.artifact) if self.threads == 1 else _Threaded(self)
        experts = tuple(profile_experts(self.artifact).values())
        point = operating_point(self.artifact, Config())
        return Router(self.artifact, experts, point=point, encoder=encoder)

    def knowing_router(self, text: str) -> Router:
        """A router with the stored representation of `text`: it only decides."""
        vectors, log_tokens = self.encode(self.arrays(self.cut([text])))
        return self.router(_Known(Representation(vectors[0], float(log_tokens[0, 0]))))
