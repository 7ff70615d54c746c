"""One answered query, as the outcome log keeps it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from .encoder import FloatArray
from .errors import LearningError
from .experts import Estimate
from .exploration import rival_of
from .telemetry import Ending

if TYPE_CHECKING:
    from .telemetry import AnswerRecord

__all__ = ["Outcome", "require_dim"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One answered query.

    `expert` was asked with probability `propensity`, else `rival` would have been (None where
    there was no choice); `answered_by` differs from `expert` after a fallback or a hand-over, and
    the score is of what was then shown. `vector`
    (representation_dim,), `log_tokens`, `characters` and `script` are of the query, `artifact` is
    the hash of the router that read it. Costs in dollars, times in seconds, `time` since 1970 by
    this device's clock. `prompt` only with the setting `learn_prompts`. `score` 0..1, None as long
    as nobody has told it. `ended` as in AnswerRecord: of an answer that was cancelled or broke off,
    tokens and seconds are those up to its end.
    """

    id: str
    time: float
    artifact: str
    vector: FloatArray
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

    @classmethod
    def of(cls, record: AnswerRecord, *, time: float, prompt: str | None) -> Self | None:
        """None for a decision that no router made."""
        decision, usage = record.decision, record.usage
        if decision.grounds is None or (query := decision.grounds.query) is None:
            return None
        return cls(
            id=record.id,
            time=time,
            artifact=query.artifact.hash,
            vector=query.representation.vector,
            log_tokens=query.representation.log_tokens,
            characters=query.characters,
            script=query.script,
            estimates=decision.estimates,
            expert=decision.expert,
            rival=rival_of(decision) if decision.propensity < 1 else None,
            answered_by=record.answered_by,
            propensity=decision.propensity,
            gain=decision.gain,
            min_gain=decision.min_gain,
            cost_usd=record.cost_usd,
            first_token_s=record.first_token_s,
            total_s=record.total_s,
            input_tokens=usage.prompt_tokens if usage else None,
            output_tokens=usage.completion_tokens if usage else None,
            prompt=prompt,
            ended=record.ended,
        )


def require_dim(rows: Sequence[Outcome], dim: int) -> None:
    """Raises LearningError for a representation that has not `dim` numbers."""
    for row in rows:
        if len(row.vector) != dim:
            raise LearningError(
                f"answer {row.id!r} is logged with {len(row.vector)} numbers, the router has {dim};"
                " the log is damaged: begin a new one with edge-router log clear"
            )
