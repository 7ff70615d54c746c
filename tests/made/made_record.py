"""The record of an answer, made by hand: no router and no encoder is loaded for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from edge_router import AnswerRecord, Decision, Estimate, Reason
from edge_router.chat.completion import Usage
from edge_router.routing.experts.expert import Location

ESTIMATES = {
    "local": Estimate("local", 0.4, 0.0, 1.0, 10.0),
    "cloud": Estimate("cloud", 0.9, 0.01, 2.0, 9.0),
}
DECISION = Decision(
    "cloud", Location.CLOUD, Reason.GAIN_IS_WORTH_IT, "cloud", ("local",), ESTIMATES, {},
    "balanced", 0.5, 0.2,
)  # fmt: skip
RECORD = AnswerRecord("d-7", DECISION, "cloud", {}, Usage(3, 4), 0.002, 0.001, 0.2, 0.5)


def record(**changes: Any) -> AnswerRecord:
    """An answer of the cloud expert, 3 tokens read and 4 written, with changes."""
    return replace(RECORD, **changes)
