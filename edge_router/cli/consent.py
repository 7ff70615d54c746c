"""Consent on the terminal: may an expert read the private data of a query?"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from .printing import print_dim

if TYPE_CHECKING:
    from edge_router.layers.privacy.gate import ConsentQuestion

__all__ = ["Asked", "terminal_consent"]


def terminal_consent() -> Asked | None:
    """Asks the user at a terminal; None where standard input is none."""
    return Asked() if sys.stdin is not None and sys.stdin.isatty() else None


class Asked:
    """Asks on the terminal whether an expert may read private data; what was refused once stays
    refused."""

    def __init__(self) -> None:
        self._refused: set[tuple[str, str, str]] = set()

    def __call__(self, question: ConsentQuestion) -> bool:
        asked = {(question.expert, *one) for one in question.values}
        if asked & self._refused:
            return False
        for kind, value in question.values:
            print_dim(f"{question.expert} ({question.location}) would read {kind.words}: {value}")
        print_dim("may it? Another expert answers otherwise. [y/N]")
        if _typed().lower() in ("y", "yes"):
            return True
        self._refused |= asked
        return False


def _typed() -> str:
    """A line from the terminal; the end of input is no consent."""
    try:
        return input().strip()
    except EOFError:
        return ""
