"""edge-router privacy check: what is private in a text, and which experts would read it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from ...options import add_command, config_of, words_of
from ...printing import print_dim, print_json
from ...privacy_words import reading
from ...terminal import visible

if TYPE_CHECKING:
    from edge_router.layers.privacy.finding import Finding

__all__ = ["add"]

LONGEST_SHOWN = 60  # characters of a finding


def add(commands: Any) -> None:
    """Register the command and its one subcommand."""
    actions = commands.choices["privacy"].add_subparsers(required=True, metavar="ACTION")
    check = add_command(
        actions, "check", _check, "what is private in TEXT, by kind and place", settings=False
    )
    check.add_argument("text", nargs="+", help="words, or - for standard input")


def _check(options: argparse.Namespace) -> None:
    from edge_router.layers.privacy.detectors import Detectors

    config, text = config_of(options), words_of(options.text)
    findings = Detectors(config.privacy).find(text)
    if options.json:
        listed = [
            {"kind": one.kind, "start": one.start, "end": one.end, "detail": one.detail}
            for one in findings
        ]
        print_json({"findings": listed, "experts": config.privacy_modes})
        return
    for one in findings:
        print(_line(one, text))
    if not findings:
        print("nothing private was found")
    for words in reading(config):
        print_dim(words)


def _line(one: Finding, text: str) -> str:
    found = visible(text[one.start : one.end]).replace("\n", "\\n")
    shown = found if len(found) <= LONGEST_SHOWN else f"{found[:LONGEST_SHOWN]}..."
    detail = f" ({one.detail})" if one.detail else ""
    return f"{one.kind}{detail} at {one.start}-{one.end}: {shown}"
