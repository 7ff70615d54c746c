"""edge-router feedback: stores the score of an answer."""

from __future__ import annotations

import argparse
from typing import Any

from edge_router.errors import ConfigError, LearningError

from ...options import add_command, config_of
from ...printing import print_json

__all__ = ["add"]

LAST = "last"


def add(commands: Any) -> None:
    """Register the command."""
    feedback = add_command(
        commands,
        "feedback",
        _feedback,
        "score how good an answer was (setting learn = true)",
        settings=False,
    )
    feedback.add_argument("id", help=f"the answer's id (--json, log show), or {LAST!r}")
    feedback.add_argument("score", help="0 (bad) to 1 (good)")


def _feedback(options: argparse.Namespace) -> None:
    from edge_router.learning.outcomes.log import FILE, OutcomeLog

    score = _score(options.score)
    log = OutcomeLog(config_of(options).data_folder / FILE)
    ids = [outcome.id for outcome in log.rows()]
    decision_id = ids[-1] if options.id == LAST and ids else options.id
    if decision_id not in ids:
        raise LearningError(
            f"no answer {options.id!r} among the {len(ids)} in {log.path}; `edge-router log show` "
            "lists them, and the setting learn = true keeps them"
        )
    if not log.score(decision_id, score):
        raise LearningError(
            f"the score of {decision_id} could not be written to {log.path}; see that there is "
            "room on the disk and nobody else is writing, then run it again"
        )
    log.close()
    if options.json:
        print_json({"id": decision_id, "score": score})
    else:
        print(f"{decision_id} scored {score:g}")


def _score(given: str) -> float:
    try:
        score = float(given)
    except ValueError:
        score = float("nan")
    if not 0 <= score <= 1:
        raise ConfigError(f"score {given!r} must be a number from 0 (bad) to 1 (good)")
    return score
