"""edge-router replay: logged queries decided again under other settings; nobody is asked."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from ...options import LOG_HELP, add_command, config_of
from ...printing import print_dim, print_json

if TYPE_CHECKING:
    from edge_router.learning.report.replay import Mean, Replay

__all__ = ["add"]


def add(commands: Any) -> None:
    """Register the command."""
    replay = add_command(
        commands, "replay", _replay, "decide logged queries again under other settings"
    )
    replay.add_argument(
        "file",
        metavar="FILE",
        nargs="?",
        help=LOG_HELP,
    )


def _replay(options: argparse.Namespace) -> None:
    from dataclasses import replace

    from edge_router.learning.report.reading import log_path
    from edge_router.learning.report.replay import replayed
    from edge_router.routing.router import Router
    from edge_router.settings.config import configured_limits

    config = config_of(options)
    path = log_path(options.file, config.data_folder)
    limits = replace(configured_limits(config), budget_left_usd=None)  # what is left is of today
    replay = replayed(path, Router.from_config(config), limits)
    if options.json:
        print_json(replay.to_json())
        return
    for line in _lines(replay):
        print(line)
    for why, count in replay.not_replayed.items():
        print_dim(f"not replayed: {count:,}, {why}")
    if replay.by_estimates:
        print_dim(f"{replay.by_estimates:,} were decided on the estimates that the log holds")


def _lines(replay: Replay) -> list[str]:
    from edge_router.settings.dollars import dollars

    changed = sum(replay.changes.values())
    share = changed / replay.answers
    lines = [f"{replay.answers:,} queries decided again; {changed:,} ({share:.1%}) go elsewhere"]
    lines += [f"  {move}: {count:,}" for move, count in replay.changes.items()]
    lines.append(f"expected then: {_words(replay.before)}")
    lines.append(f"expected now:  {_words(replay.after)}")
    paid = "" if replay.happened_usd is None else f"{dollars(1000 * replay.happened_usd)}/1000, "
    lines.append(f"what happened: {paid}{replay.happened_s:.2f} s a query")
    return [*lines, replay.verdict]


def _words(mean: Mean) -> str:
    from edge_router.settings.dollars import dollars

    usd = "dollars not known" if mean.usd is None else f"{dollars(1000 * mean.usd)}/1000"
    return f"quality {mean.quality:.1%}, {usd}, {mean.seconds:.2f} s a query"
