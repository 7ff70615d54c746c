"""edge-router doctor: is everything here that answering needs?"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from .printing import print_json
from .settings import add_command, config_of

__all__ = ["add"]


def add(commands: Any) -> None:
    """Register the command."""
    add_command(commands, "doctor", _doctor)


def _doctor(options: argparse.Namespace) -> int:
    from ..doctor import examine

    checks = examine(config_of(options))
    if options.json:
        print_json({"checks": [asdict(check) for check in checks]})
    else:
        for check in checks:
            print(f"{'ok  ' if check.ok else 'FAIL'} {check.name}: {check.told}")
    return int(not all(check.ok for check in checks))
