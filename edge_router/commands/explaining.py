"""How an explanation looks on a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from .printing import print_json

if TYPE_CHECKING:
    from ..explanation import Considered, Explanation, KnownNeighbour

__all__ = ["print_explanation"]


def print_explanation(explanation: Explanation, *, as_json: bool) -> None:
    """On standard output: all of it is the result here."""
    if as_json:
        print_json(explanation.to_json())
        return
    for line in _lines(explanation):
        print(line)


def _lines(found: Explanation) -> Iterator[str]:
    yield f"{found.expert} ({found.reason}): {found.words}"
    yield "experts"
    yield from (f"  {_expert(expert)}" for expert in found.experts)
    if found.preference is None:
        yield f"operating point {found.operating_point}: {found.promise}"
    else:
        yield f"preference {found.preference}"
    yield f"  gain {found.gain:+.3f}, least gain {found.min_gain:+.3f}, margin {found.margin:+.3f}"
    yield "kind of task"
    yield from (f"  {kind.probability:>4.0%} {kind.name}" for kind in found.kinds)
    if found.neighbours:
        yield "nearest known queries"
        yield from (f"  {_neighbour(known)}" for known in found.neighbours)
    yield from (f"unfamiliar: {flag.words} ({flag})" for flag in found.unfamiliar)
    if found.changes:
        yield "what would have changed it"
        yield from (f"  {change.words}" for change in found.changes)


def _expert(found: Considered) -> str:
    cost = "price unknown" if found.cost_usd is None else f"${found.cost_usd:.6f}"
    out = f", ruled out: {found.excluded}" if found.excluded else ""
    return (
        f"{found.name} ({found.location}): quality {found.quality:.0%}, {cost}, "
        f"{found.latency_s:.1f} s, {found.output_tokens:.0f} tokens{out}"
    )


def _neighbour(found: KnownNeighbour) -> str:
    scores = ", ".join(f"{name} {score:.0%}" for name, score in found.scores.items())
    told = f"{found.distance:.3f} {found.kind} ({found.table}, {found.language})"
    return told + (f": {scores}" if scores else "") + (f" {found.text!r}" if found.text else "")
