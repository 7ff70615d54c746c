"""Options that several export commands and studies have in common, each with the same words."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["add_shared"]

SHARED: Mapping[str, Mapping[str, Any]] = {
    "--artifact": {
        "default": "router-small",
        "help": "a shipped router's name or a directory",
    },
    "--json": {"action": "store_true", "help": "print JSON for machines"},
    "--repeats": {"type": int, "default": 1000, "help": "bootstrap resamples"},
    "--seed": {"type": int, "default": 0, "help": "of all random draws"},
    "--work": {
        "type": Path,
        "default": Path("work"),
        "help": "folder for what later runs use again",
    },
}


def add_shared(parser: argparse.ArgumentParser, *options: str) -> None:
    """Register options of SHARED, in this order."""
    for option in options:
        parser.add_argument(option, **SHARED[option])
