"""edge-router enroll: a new expert's head from labelled outcomes, from a run, or from a profile."""

from __future__ import annotations

import argparse
import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from edge_router.errors import ConfigError
from edge_router.guards.redaction import without_secrets
from edge_router.guards.stored_json import rounded
from edge_router.guards.user_files import user_path

from ...options import add_command, config_of, count_of
from ...printing import print_dim, print_json

if TYPE_CHECKING:
    from pathlib import Path

    from edge_router.learning.enrolment.enrol import Enroller
    from edge_router.learning.enrolment.head_fit import Enrolment
    from edge_router.learning.enrolment.summary import Standing

__all__ = ["add"]

MOST_QUESTIONS = 100_000


def add(commands: Any) -> None:
    """Register the command."""
    enroll = add_command(commands, "enroll", _enroll)
    enroll.add_argument("name", help="what profile = NAME in the settings will find")
    source = enroll.add_mutually_exclusive_group()
    source.add_argument(
        "--outcomes",
        metavar="FILE",
        help="JSON lines with query and score (0..1), or the table of export merge",
    )
    source.add_argument(
        "--run",
        metavar="N",
        type=int,
        dest="count",
        help="ask [experts.NAME] the N most informative questions",
    )
    enroll.add_argument("--expert", metavar="COLUMN", help="whose scores, where the file has many")
    enroll.add_argument("--profile", help="start from this profile: 135m ... frontier")


def _enroll(options: argparse.Namespace) -> None:
    from edge_router.learning.enrolment.enrol import Enroller

    if options.expert and not options.outcomes:
        raise ConfigError("--expert names a column of --outcomes FILE")
    if options.count is not None:
        count_of(options.count, "--run", most=MOST_QUESTIONS)
    if options.outcomes:
        options.outcomes = user_path(options.outcomes, what="--outcomes")
    enroller = Enroller(config_of(options), options.name, command=_command(options))
    enrolment = _enrolment(enroller, options)
    path = enroller.keep(enrolment)
    standing = enroller.standing(enrolment)
    if options.json:
        facts = {"name": enroller.name, "command": enroller.command, "path": str(path)}
        print_json(facts | _json(enrolment, standing))
    else:
        _print(enroller.name, enrolment, standing, path)


def _enrolment(enroller: Enroller, options: argparse.Namespace) -> Enrolment:
    if options.outcomes:
        return enroller.from_file(options.outcomes, options.expert, options.profile)
    if options.count is not None:
        return enroller.from_run(options.count, options.profile, progress=_progress(options.count))
    if options.profile is None:
        raise ConfigError("give --outcomes FILE, --run N, or --profile for a start without either")
    return enroller.from_profile(options.profile)


def _progress(count: int) -> Any:
    def show(done: int, failure: str | None) -> None:
        if failure is not None:
            print_dim(f"question {done} failed, not counted: {without_secrets(str(failure))}")
        elif done % 10 == 0 or done == count:
            print_dim(f"{done}/{count} questions")

    return show


def _command(options: argparse.Namespace) -> str:
    """The command line that enrols this expert again."""
    stated = {
        "--outcomes": options.outcomes and options.outcomes.absolute(),
        "--run": options.count,
        "--expert": options.expert,
        "--profile": options.profile,
        "--config": options.config and user_path(options.config).absolute(),
        "--artifact": options.artifact,
    }
    parts = [str(part) for item in stated.items() if item[1] is not None for part in item]
    return shlex.join(["edge-router", "enroll", options.name, *parts])


def _json(enrolment: Enrolment, standing: Standing | None) -> dict[str, Any]:
    fields: dict[str, Any] = rounded(
        {
            "profile": enrolment.profile,
            "outcomes": enrolment.outcomes,
            "mean_score": enrolment.mean_score,
            "prior_weights": dict(enrolment.weights),
            "log_tokens": enrolment.log_tokens,
            "standing": asdict(standing) if standing else None,
        }
    )
    return fields


def _print(name: str, enrolment: Enrolment, standing: Standing | None, path: Path) -> None:
    if enrolment.mean_score is None:
        print(f"{name}: enrolled as {enrolment.profile}, no outcome seen yet")
    else:
        print(
            f"{name}: enrolled from {enrolment.outcomes} outcomes "
            f"({enrolment.mean_score:.0%} good), nearest profile {enrolment.profile}"
        )
    if standing:
        _print_standing(standing)
    print_dim(f"kept in {path}, without the queries; a new router needs a new enrolment")
    print_dim(f'to use it: profile = "{name}" in its [experts.NAME]')


def _print_standing(standing: Standing) -> None:
    print(
        f"  mean quality on {standing.queries} known queries: {standing.quality:.0%} "
        f"(95 % interval {standing.low:.0%} to {standing.high:.0%})"
    )
    profiles = ", ".join(f"{name} {mean:.0%}" for name, mean in standing.profiles.items())
    print(f"  the profiles there: {profiles}")
    if gap := standing.gap:
        print(
            f"  {gap.weak} before {gap.strong}: expected APGR {gap.apgr:.3f} "
            f"({gap.low:.3f} to {gap.high:.3f}; random 0.5), taking both heads at their word"
        )
