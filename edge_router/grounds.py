"""What a decision was made from: enough to explain it, and to make it again with a change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .artifact import RouterArtifact
from .encoder import Representation

if TYPE_CHECKING:
    from .candidates import Candidate
    from .policy import Constraints, Reason, Rule

__all__ = ["Grounds", "RoutedQuery"]


@dataclass(frozen=True, slots=True)
class RoutedQuery:
    """What the router knows of a query; its text is not in it.

    `characters` of the last turn before any cut, `script` the writing it is in (see
    `script.script_of`). `artifact` is the one that represented it.
    """

    artifact: RouterArtifact
    representation: Representation
    characters: int
    script: str


@dataclass(frozen=True, slots=True)
class Grounds:
    """Everything that `decide` was given; `query` is None for one that no router has seen.

    `tokens` are those of the untrimmable part as experts count them, by their names; of all others
    it has `input_tokens`.
    """

    candidates: Sequence[Candidate]
    constraints: Constraints
    rule: Rule
    input_tokens: int
    doubts: Mapping[str, Reason] = field(default_factory=dict)
    query: RoutedQuery | None = None
    tokens: Mapping[str, int] = field(default_factory=dict)
