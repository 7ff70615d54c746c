"""One answered query as a JSON object: what `log show --json` prints, and what a log file holds."""

from __future__ import annotations

from typing import Any

from edge_router.guards.stored_json import rounded

from .outcome import Outcome

__all__ = ["outcome_json"]

NAMES = (
    "id", "time", "artifact", "expert", "rival", "answered_by", "reason", "operating_point",
    "shadow", "propensity", "gain", "min_gain", "cost_usd", "first_token_s", "total_s",
    "input_tokens", "cached_tokens", "output_tokens", "characters", "script", "prompt", "score",
    "ended",
)  # fmt: skip


def outcome_json(outcome: Outcome) -> dict[str, Any]:
    """Everything but the representation; `quality` by expert, and all that was expected in
    `estimates`: quality, dollars (null where unknown), seconds, tokens."""
    fields: dict[str, Any] = rounded({name: getattr(outcome, name) for name in NAMES})
    fields["cost_usd"] = _short(outcome.cost_usd)
    expected = outcome.estimates.values()
    fields["quality"] = {one.name: round(one.quality, 6) for one in expected}
    fields["estimates"] = {
        one.name: [
            round(one.quality, 6),
            _short(one.cost_usd),
            round(one.latency_s, 6),
            round(one.output_tokens, 3),
        ]
        for one in expected
    }
    return fields


def _short(usd: float | None) -> float | None:
    """Dollars rounded to a billionth: a token costs some millionths."""
    return None if usd is None else round(usd, 9)
