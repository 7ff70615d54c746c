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
    doctor = add_command(commands, "doctor", _doctor)
    doctor.add_argument(
        "--connect",
        action="store_true",
        help="also connect to servers elsewhere (those on this machine are always tried); nothing "
        "is sent",
    )


def _doctor(options: argparse.Namespace) -> int:
    from ..doctor import examine

    checks = examine(config_of(options), connect=options.connect)
    if options.json:
        print_json({"checks": [asdict(check) for check in checks]})
    else:
        for check in checks:
            print(f"{'ok  ' if check.ok else 'FAIL'} {check.name}: {check.told}")
    return int(not all(check.ok for check in checks))
