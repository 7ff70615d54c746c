"""What happened to one query, as a value that hooks receive. No prompt and no answer is in it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

from .chat import FinishReason, Usage
from .checks import (
    any_text,
    flag,
    instance,
    mapping,
    number,
    one_of,
    optional,
    settle,
    whole_number,
)
from .deferral import Deferral
from .policy import Decision

__all__ = ["AnswerRecord", "Ending", "Hook"]

Ending = Literal["complete", "cancelled", "broken"]

log = logging.getLogger("edge_router")


@dataclass(frozen=True, slots=True)
class AnswerRecord:
    """One query that an expert began to answer.

    `ended` tells how: "complete", "cancelled" (by the caller) or "broken" (the expert failed after
    its first piece); only a complete answer has a `finish_reason`. `max_tokens` is the limit that
    the expert was given, `empty` that there was no text at all.

    `answered_by` is the expert whose answer was given; `failures` maps those asked before it to
    what went wrong. Times in seconds: `router_s` for the decision alone, `first_token_s` and
    `total_s` from the call. `cost_usd` is None where tokens or price are not known. `deferral` is
    set when a local answer was started and abandoned; its time and cost are included. `answered_by`
    is then the expert it was handed to, unless that one stands in `failures`.
    """

    id: str
    decision: Decision
    answered_by: str
    failures: Mapping[str, str]
    usage: Usage | None
    cost_usd: float | None
    router_s: float
    first_token_s: float
    total_s: float
    deferral: Deferral | None = None
    ended: Ending = "complete"
    finish_reason: FinishReason | None = None
    max_tokens: int | None = None
    empty: bool = False

    def __post_init__(self) -> None:
        """Raises ConfigError for a field that is not what its name says."""
        settle(self, RECORD_CHECKS, "AnswerRecord")

    @property
    def words(self) -> str:
        """Who answered and why, in one clause, with everything that did not go as wanted."""
        told = [self.decision.words]
        if self.deferral is not None:
            told.append(self.deferral.words)
        told += [f"{name} is unavailable: {failure}" for name, failure in self.failures.items()]
        if self.usage and self.usage.dropped_messages:
            told.append(
                f"the oldest {self.usage.dropped_messages} messages did not fit its context"
            )
        return "; ".join(told)

    def to_json(self) -> dict[str, Any]:
        """Every field, the decision as its own `to_json` gives it, `reason` and `words`."""
        plain = replace(self.decision, estimates={}, grounds=None)
        found = asdict(replace(self, decision=plain, failures=dict(self.failures)))
        found["decision"] = self.decision.to_json()
        return found | {"reason": self.reason, "words": self.words}

    @property
    def reason(self) -> str:
        """Stable code: the decision's, "deferred" when its expert began and another one answered,
        or "fallback" when another expert had to step in."""
        if self.failures:
            return "fallback"
        return "deferred" if self.deferral is not None else self.decision.reason.value


RECORD_CHECKS = {
    "id": any_text,
    "decision": instance(Decision),
    "answered_by": any_text,
    "failures": mapping(any_text),
    "usage": optional(instance(Usage)),
    "cost_usd": optional(number(0.0)),
    "router_s": number(0.0),
    "first_token_s": number(0.0),
    "total_s": number(0.0),
    "deferral": optional(instance(Deferral)),
    "ended": one_of(*get_args(Ending)),
    "finish_reason": optional(one_of(*get_args(FinishReason))),
    "max_tokens": optional(whole_number),
    "empty": flag,
}

Hook = Callable[[AnswerRecord], None]


def log_record(record: AnswerRecord) -> None:
    """The hook that is always there: one line at level INFO."""
    log.info(
        "%s answered by %s (%s), router %.1f ms, total %.2f s",
        record.id,
        record.answered_by,
        record.reason,
        record.router_s * 1e3,
        record.total_s,
    )
