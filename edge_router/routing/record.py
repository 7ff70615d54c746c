"""What happened to one query, as a value that hooks receive. No prompt and no answer is in it."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, get_args

from edge_router.chat.completion import MOST_TOKENS, Ending, FinishReason, Usage
from edge_router.guards.checks import (
    FrozenDict,
    any_text,
    each,
    flag,
    instance,
    mapping,
    number,
    one_of,
    optional,
    settle,
    whole_number,
)

from .attempt import AttemptRecord
from .deciding.decision import Decision
from .deferral import Deferral

__all__ = ["AnswerRecord", "Hook", "log_record"]


log = logging.getLogger("edge_router")

TEXT_OR_NONE = {str, type(None)}
CACHED = {
    "exact": "given before to the same conversation (answer cache)",
    "semantic": "given before to the same question in other words (answer cache)",
}
ENDINGS, FINISH_REASONS = get_args(Ending), (None, *get_args(FinishReason))


@dataclass(frozen=True, slots=True)
class AnswerRecord:
    """One query that an expert began to answer.

    `ended` is "complete", "cancelled" (by the caller) or "broken" (the expert failed after
    its first piece). Only a complete answer has a `finish_reason`; without its end `usage` and
    `cost_usd` are of what was read and received. `max_tokens` is the limit that
    the expert was given (`cost_limited`: less than asked for, since a limit on cost pays for no
    more), `empty` that there was no text at all.

    `answered_by` is the expert whose answer was given; `failures` maps those asked before it to
    what went wrong. Times in seconds: `router_s` for the decision alone, `first_token_s` and
    `total_s` from the call. `cost_usd` is None where tokens or price are not known. `deferral` is
    set when a local answer was started and abandoned; its time and cost are included. `answered_by`
    is then the expert it was handed to, unless that one stands in `failures`. `overflow` is the
    first expert whose context the request exceeded, `hedge` one that was asked beside the one that
    answered, since that was slow; its cost is included. `cached` is "exact" or "semantic" for an
    answer that `answered_by` had given before: nobody was asked, and nothing was spent.
    `reasoning_effort` is what the expert was asked to think, by the request or as the level that
    was chosen; None where neither says anything.
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
    cost_limited: bool = False
    overflow: str | None = None
    hedge: str | None = None
    cached: str | None = None
    attempts: tuple[AttemptRecord, ...] = ()
    reasoning_effort: str | None = None

    def __post_init__(self) -> None:
        """Raises ConfigError for a field that is not what its name says."""
        if not (self._texts_are_sound() and self._numbers_are_sound()):
            settle(self, RECORD_CHECKS, "AnswerRecord")

    def _texts_are_sound(self) -> bool:
        """Whether there is nothing to check or to convert in the fields that hold no numbers."""
        return (
            type(self.id) is type(self.answered_by) is str
            and type(self.decision) is Decision
            and type(self.failures) is FrozenDict
            and all(type(n) is type(told) is str for n, told in self.failures.items())
            and (self.deferral is None or type(self.deferral) is Deferral)
            and type(self.ended) is str
            and self.ended in ENDINGS
            and {type(self.overflow), type(self.hedge), type(self.cached)} <= TEXT_OR_NONE
            and type(self.reasoning_effort) in TEXT_OR_NONE
            and (self.finish_reason is None or type(self.finish_reason) is str)
            and self.finish_reason in FINISH_REASONS
        )

    def _numbers_are_sound(self) -> bool:
        times = (self.router_s, self.first_token_s, self.total_s)
        return (
            all(type(time) is float and 0.0 <= time < math.inf for time in times)
            and (
                self.cost_usd is None
                or (type(self.cost_usd) is float and 0.0 <= self.cost_usd < math.inf)
            )
            and (self.usage is None or type(self.usage) is Usage)
            and (
                self.max_tokens is None
                or (type(self.max_tokens) is int and 1 <= self.max_tokens <= MOST_TOKENS)
            )
            and type(self.empty) is type(self.cost_limited) is bool
            and type(self.attempts) is tuple
            and all(type(one) is AttemptRecord for one in self.attempts)
        )

    @property
    def words(self) -> str:
        """Who answered and why, in one clause, with everything that did not go as wanted."""
        clauses = [] if self.cached is None else [CACHED.get(self.cached, self.cached)]
        clauses.append(self.decision.words)
        if self.deferral is not None:
            clauses.append(self.deferral.words)
        clauses += [f"{name} is unavailable: {failure}" for name, failure in self.failures.items()]
        if self.usage and self.usage.dropped_messages:
            clauses.append(
                f"the oldest {self.usage.dropped_messages} messages did not fit its context"
            )
        return "; ".join([*clauses, *self._shortfall()])

    def _shortfall(self) -> Iterator[str]:
        """What is missing of the answer."""
        limit = f"max_tokens = {self.max_tokens}"
        if self.cost_limited:
            limit += ", all that the limit on cost pays for"
        if self.ended == "cancelled":
            yield "cancelled"
        elif self.ended == "broken":
            yield "the answer broke off"
        elif self.finish_reason == "length" and self.empty:
            yield f"the answer is empty: thinking took all of {limit}"
        elif self.finish_reason == "length":
            yield f"the answer was cut off at {limit}"
        elif self.finish_reason == "content_filter":
            yield "the expert's content filter ended the answer"
        elif self.empty:
            yield "the answer is empty"

    def to_json(self) -> dict[str, Any]:
        """Every field, the decision as its own `to_json` gives it, `reason` and `words`."""
        plain = replace(self.decision, estimates={}, grounds=None)
        content = asdict(replace(self, decision=plain, failures=dict(self.failures)))
        content["decision"] = self.decision.to_json()
        return content | {"reason": self.reason, "words": self.words}

    @property
    def reason(self) -> str:
        """Stable code: "cancelled" or "broken" when the answer did not come to its end, "cached"
        when it was given before, "fallback" when another expert had to step in,
        "context_exceeded" when one with more room had to, "hedged" when another expert was faster,
        "deferred" when a local answer was abandoned and another expert answered, or the
        decision's."""
        if self.ended != "complete":
            return self.ended
        if self.cached is not None:
            return "cached"
        if self.overflow is not None:
            return "context_exceeded"
        if self.hedge == self.decision.expert and self.answered_by != self.decision.expert:
            return "hedged"
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
    "cost_limited": flag,
    "overflow": optional(any_text),
    "hedge": optional(any_text),
    "cached": optional(any_text),
    "attempts": each(instance(AttemptRecord)),
    "reasoning_effort": optional(any_text),
}

Hook = Callable[[AnswerRecord], None]


def log_record(record: AnswerRecord) -> None:
    """One line at level INFO for every answer."""
    log.info(
        "%s answered by %s (%s), router %.1f ms, total %.2f s",
        record.id,
        record.answered_by,
        record.reason,
        record.router_s * 1e3,
        record.total_s,
    )
