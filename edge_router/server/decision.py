"""The decision in a reply: headers `x-edge-router-...`, and the extra field `edge_router`.

`edge_router` holds `decision_id` (for `edge-router feedback`), `expert` (who answered), `wanted`,
`reason` (a stable code) and its `words`, `operating_point`, the `quality` expected of the expert
(0..1), `cost_usd` (null where the price is unknown), `router_s`, `first_token_s` and `total_s` in
seconds, and `failed`, the experts that were asked before and did not answer; `cached`, "exact" or
"semantic", only of an answer that was given before; `reasoning_effort` where the request or the
expert's level says one. On a stream it stands in the last chunk; the headers then say what is known
before the first byte, so not the cost.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from edge_router.guards.stored_json import rounded
from edge_router.routing.deciding.decision import Decision
from edge_router.routing.record import AnswerRecord

from .wire.outcome import Outcome

__all__ = ["decision_headers", "early_headers", "outcome_of"]

PREFIX = "x-edge-router-"
PLAIN = "".join(map(chr, range(0x20, 0x7F))).replace("%", "")


def outcome_of(record: AnswerRecord) -> Outcome:
    """The outcome of an answer that has ended."""
    extra = {"edge_router": _field(record)}
    return Outcome(record.id, record.answered_by, record.usage, extra)


def _field(record: AnswerRecord) -> dict[str, Any]:
    """The extra field of a reply."""
    decision = record.decision
    fields: dict[str, Any] = rounded(
        {
            "decision_id": record.id,
            "expert": record.answered_by,
            "wanted": decision.wanted,
            "reason": record.reason,
            "words": decision.words,
            "operating_point": decision.operating_point,
            "quality": _quality(decision, record.answered_by),
            "cost_usd": record.cost_usd,
            "router_s": record.router_s,
            "first_token_s": record.first_token_s,
            "total_s": record.total_s,
            "failed": list(record.failures),
            **{name: one for name, one in _only_some(record) if one is not None},
        }
    )
    return fields


def decision_headers(record: AnswerRecord) -> dict[str, str]:
    """The headers of a whole answer."""
    cost = {} if record.cost_usd is None else {f"{PREFIX}cost-usd": f"{record.cost_usd:.6g}"}
    return dict(_headers(record)) | cost


def early_headers(so_far: AnswerRecord) -> dict[str, str]:
    """The headers of an answer whose first piece is there; its cost is not known yet."""
    return dict(_headers(so_far))


def _headers(record: AnswerRecord) -> Iterator[tuple[str, str]]:
    yield f"{PREFIX}expert", quote(record.answered_by, safe=PLAIN)
    yield f"{PREFIX}reason", record.reason
    if (quality := _quality(record.decision, record.answered_by)) is not None:
        yield f"{PREFIX}quality", f"{quality:.4f}"
    yield f"{PREFIX}decision-id", record.id
    for name, value in _only_some(record):
        if value is not None:
            yield PREFIX + name.replace("_", "-"), value


def _only_some(record: AnswerRecord) -> Iterator[tuple[str, str | None]]:
    """Names and values that only some answers have."""
    yield "cached", record.cached
    yield "reasoning_effort", record.reasoning_effort


def _quality(decision: Decision, expert: str) -> float | None:
    estimate = decision.estimates.get(expert)
    return None if estimate is None else estimate.quality
