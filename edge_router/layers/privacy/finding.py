"""Finding: where in a text private data of a kind stands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from edge_router.chat.private_data import PrivateKind

__all__ = ["Detector", "Finding", "apart"]


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """text[start:end] is of this kind; `detail` is the name of a pattern or of a country."""

    start: int
    end: int
    kind: PrivateKind
    detail: str = ""


Detector = Callable[[str], Iterable[Finding]]
"""Finds what is private in a text."""


def apart(findings: Iterable[Finding]) -> Iterator[Finding]:
    """The findings from left to right, those that overlap as one of the kind that begins first, or
    is longer: nothing of them is left outside."""
    last: Finding | None = None
    for one in sorted(findings, key=lambda one: (one.start, -one.end)):
        if last is not None and one.start < last.end:
            last = Finding(last.start, max(last.end, one.end), last.kind, last.detail)
            continue
        if last is not None:
            yield last
        last = one
    if last is not None:
        yield last
