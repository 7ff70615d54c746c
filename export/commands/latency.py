"""edge-router export latency: predicted against real seconds of a local expert."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from edge_router.cli.table import parser_of

__all__ = ["add"]


def add(commands: Any) -> None:
    """Register the command."""
    command = parser_of(commands, "latency", _latency)
    command.add_argument("--config", help="settings with the expert to ask")
    command.add_argument("--expert", default="local")
    command.add_argument("--prompts", type=int, default=200, help="of 10 tokens and more")
    command.add_argument("--longest", type=int, default=1500, help="tokens of the longest prompt")
    command.add_argument("--max-tokens", type=int, default=64)
    command.add_argument(
        "--busy", type=int, default=0, help="processes that compute during the second half"
    )
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--out", type=Path, help="JSON lines, one an answer")


def _latency(options: argparse.Namespace) -> None:
    from dataclasses import asdict

    from edge_router.settings.config import Config

    from ..data.rows import write_rows
    from ..studies.latency import asked_texts, latency_study, summary

    found = latency_study(
        Config.load(options.config),
        asked_texts(options.prompts, longest=options.longest, seed=options.seed),
        expert=options.expert,
        max_tokens=options.max_tokens,
        busy=options.busy,
    )
    if options.out:
        write_rows(options.out, [asdict(compared) for compared in found])
    print(json.dumps(summary(found, busy=options.busy > 0), indent=1))
