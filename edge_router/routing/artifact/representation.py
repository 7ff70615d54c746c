"""A query as the encoder sees it: a small vector and an expected length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ..arrays import Float32s

__all__ = ["Encoder", "Representation", "RoutedQuery"]


@dataclass(frozen=True, slots=True)
class RoutedQuery:
    """What the router knows of a query; its text is not in it.

    `characters` of the last user turn before any cut, `script` the writing it is in (see
    `text.script_of`). `artifact` is the hash of the one that represented it. `needs_tools` is the
    probability (0..1) that it needs live data or a device, None where the artifact does not tell.
    """

    artifact: str
    representation: Representation
    characters: int
    script: str
    needs_tools: float | None = None


@dataclass(frozen=True, slots=True)
class Representation:
    """What the encoder says of a query.

    `vector` (representation_dim,): how hard the query is and in which ways, then the posterior
    over the artifact's task kinds (sums to 1). `log_tokens`: natural logarithm of the expected
    length of an answer, in tokens. `embedding` (embedding_dim,), of length 1, is that of the text,
    where the encoder was made to give it in the same pass.
    """

    vector: Float32s
    log_tokens: float
    embedding: Float32s | None = None


class Encoder(Protocol):
    """Anything that turns a text into a Representation; see `edge_router.testing`."""

    def represent(self, text: str) -> Representation:
        """One text of at most the artifact's `max_chars` characters."""
        ...
