"""One answered query, as the outcome log keeps it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edge_router.chat.completion import Ending
from edge_router.errors import LearningError
from edge_router.routing.arrays import Float32s
from edge_router.routing.experts.expert import Estimate

__all__ = ["Outcome", "require_dim"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One answered query.

    `expert` was asked with probability `propensity`, else `rival` would have been (None where
    there was no choice); `answered_by` differs from `expert` after a fallback or a hand-over, and
    the score is of what was then shown. `vector`
    (representation_dim,), `log_tokens`, `characters` and `script` are of the query, `artifact` is
    the hash of the router that read it. Costs in dollars, times in seconds, `time` since 1970 by
    this device's clock. `prompt` only with the setting `learn_prompts`. `score` 0..1, None until
    it is given. `ended` as in AnswerRecord: of an answer that was cancelled or broke off,
    tokens and seconds are those up to its end. `reason` is the stable code of AnswerRecord and
    `operating_point` the one that decided, both "" in rows of older versions. `shadow` is the
    expert that the setting `shadow` would have asked. Of `input_tokens` the expert says that it had
    read `cached_tokens` before; None where it does not say.
    """

    id: str
    time: float
    artifact: str
    vector: Float32s
    log_tokens: float
    characters: int
    script: str
    estimates: Mapping[str, Estimate]
    expert: str
    rival: str | None
    answered_by: str
    propensity: float
    gain: float
    min_gain: float
    cost_usd: float | None
    first_token_s: float
    total_s: float
    input_tokens: int | None
    output_tokens: int | None
    prompt: str | None
    score: float | None = None
    ended: Ending = "complete"
    reason: str = ""
    operating_point: str = ""
    shadow: str | None = None
    cached_tokens: int | None = None


def require_dim(rows: Sequence[Outcome], dim: int) -> None:
    """Raises LearningError for a representation that has not `dim` numbers."""
    for row in rows:
        if len(row.vector) != dim:
            raise LearningError(
                f"answer {row.id!r} is logged with {len(row.vector)} numbers, the router has {dim};"
                " the log is damaged: begin a new one with edge-router log clear"
            )
