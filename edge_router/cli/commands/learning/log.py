"""edge-router log: shows, exports or deletes the outcomes kept on this device."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from edge_router.errors import ConfigError
from edge_router.guards.user_files import user_path

from ...options import add_command, config_of
from ...printing import print_dim, print_json

if TYPE_CHECKING:
    from pathlib import Path

    from edge_router.learning.outcomes.log import OutcomeLog
    from edge_router.learning.outcomes.outcome import Outcome

__all__ = ["add"]


def add(commands: Any) -> None:
    """Register the command."""
    log = add_command(
        commands, "log", _log, "outcomes kept on this device (setting learn = true)", settings=False
    )
    log.add_argument(
        "action", choices=("show", "export", "clear"), help="list, write to FILE or forget them all"
    )
    log.add_argument(
        "out", nargs="?", metavar="FILE", help="of export: JSON lines, gzipped where it ends in .gz"
    )
    log.add_argument(
        "--text", action="store_true", help="export the prompts too, if learn_prompts kept them"
    )


def _log(options: argparse.Namespace) -> None:
    from edge_router.learning.outcomes.line import outcome_json
    from edge_router.learning.outcomes.log import FILE, OutcomeLog

    folder = config_of(options).data_folder
    log = OutcomeLog(folder / FILE)
    if options.action == "export":
        _export(log, folder, options)
        return
    if options.out or options.text:
        raise ConfigError(f"log {options.action} takes no FILE and no --text; log export does")
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


def _export(log: OutcomeLog, folder: Path, options: argparse.Namespace) -> None:
    from edge_router.learning.fleet.log_export import export_log

    if options.out is None:
        raise ConfigError("log export needs a file: edge-router log export outcomes.jsonl.gz")
    out = user_path(options.out)
    done = export_log(log, folder, out, text=options.text)
    if options.json:
        print_json(asdict(done) | {"path": str(done.path)})
        return
    print(f"{done.rows:,} outcomes, {done.scored:,} scored, as device {done.device}: {out}")
    if done.prompts:
        print_dim(f"{done.prompts:,} of them with their text")
    elif options.text:
        print_dim("no text: with the setting learn_prompts = true, prompts from now on are kept")
    print_dim("a query goes as what the router made of it, which is no anonymisation")


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
