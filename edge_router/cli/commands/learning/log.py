"""edge-router log: shows or deletes the outcomes kept on this device."""

from __future__ import annotations

import argparse
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ...options import add_command, config_of
from ...printing import print_dim, print_json

if TYPE_CHECKING:
    from edge_router.learning.outcomes.outcome import Outcome

__all__ = ["add"]


def add(commands: Any) -> None:
    """Register the command."""
    log = add_command(commands, "log", _log, "outcomes kept on this device (setting learn = true)")
    log.add_argument("action", choices=("show", "clear"), help="list them, or forget them all")


def _log(options: argparse.Namespace) -> None:
    from edge_router.learning.outcomes.line import outcome_json
    from edge_router.learning.outcomes.log import FILE, OutcomeLog

    log = OutcomeLog(config_of(options).data_folder / FILE)
    if options.action == "clear":
        count = log.clear()
        for left in sorted(log.path.parent.glob(f"{FILE}.corrupt-*")):
            print_dim(f"{left} was set aside as corrupt and is still there: delete it yourself")
        if options.json:
            print_json({"cleared": count})
        else:
            print(f"{count} outcomes forgotten")
        return
    rows = log.rows()
    if not rows:
        print_dim("no outcomes yet: with the setting learn = true, answers from now on are kept")
    for outcome in rows:
        if options.json:
            print_json(outcome_json(outcome))
        else:
            print(_line(outcome))


def _line(outcome: Outcome) -> str:
    when = _date(outcome.time)
    score = "not scored" if outcome.score is None else f"score {outcome.score:g}"
    drawn = f" (drawn at {outcome.propensity:.0%})" if outcome.propensity < 1 else ""
    quality = outcome.estimates[outcome.answered_by].quality
    ended = "" if outcome.ended == "complete" else f", {outcome.ended}"
    return (
        f"{outcome.id} {when} {outcome.answered_by}{drawn}, expected {quality:.0%}, {score}, "
        f"{outcome.total_s:.1f} s{ended}"
    )


def _date(seconds: float) -> str:
    """Local date and time; words for a time that no calendar has."""
    try:
        return datetime.fromtimestamp(seconds).astimezone().isoformat(" ", "seconds")
    except (ValueError, OverflowError, OSError):
        return "at no date"
