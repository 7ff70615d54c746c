"""A hook that logs one JSON line a decision: what `edge-router report` and `replay` read."""

from __future__ import annotations

import json
import logging
import time

from edge_router.learning.outcomes.line import outcome_json
from edge_router.learning.outcomes.log import outcome_of
from edge_router.routing.deciding.exploration import rival_of
from edge_router.routing.record import AnswerRecord

__all__ = ["LOGGER", "log_decision"]

LOGGER = "edge_router.decisions"
log = logging.getLogger(LOGGER)


def log_decision(record: AnswerRecord) -> None:
    """One line at level INFO of the logger LOGGER: no text of the query or of the answer is in it.

    For `EdgeRouter(hooks=[log_decision])`. Nothing for a decision that no router made.
    """
    if not log.isEnabledFor(logging.INFO):
        return
    rival = rival_of(record.decision) if record.decision.propensity < 1 else None
    outcome = outcome_of(record, time=time.time(), rival=rival)
    if outcome is not None:
        log.info("%s", json.dumps(outcome_json(outcome)))
