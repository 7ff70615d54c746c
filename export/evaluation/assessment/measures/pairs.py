"""Pairs of an easy and a hard message of one kind: the hard one must be taken for harder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from edge_router.learning.outcomes.rows import Row
from edge_router.routing.arrays import Float64s

from ....data.pairs import MessagePair, own_pairs, read_pairs
from ....metrics.agreement import means
from ....metrics.apgr import with_interval
from ..result import Cell, MeasureTable, Result
from ..setting import Setting

__all__ = ["SIZES_ASKED", "pairs", "pairs_of_rows"]

TABLE = "everyday_pairs_made"
SIZES_ASKED = ("135m", "1b", "3b")


@dataclass(frozen=True, slots=True)
class Orders:
    """Whether each pair is in the right order (pairs,), by quality and by gain; 0.5 for a tie."""

    quality: Float64s
    gain: Float64s


def pairs(setting: Setting) -> Result:
    """Share of pairs in the right order, of each source."""
    sources = {TABLE: pairs_of_rows(setting.rows.measured(TABLE)), "our own": own_pairs()}
    sources |= {path.stem: read_pairs(path) for path in setting.pair_files}
    rows = [
        row for name, listed in sources.items() for row in _rows(setting, name, listed) if listed
    ]
    text = (
        "Each pair is one easy and one hard message of the same kind, topic and similar length. "
        "It is in the right order where the hard one has the lower expected quality, or the "
        "higher expected gain by the largest size; a tie counts half. Prompt length takes the "
        "longer one for the harder."
    )
    header = ("pairs", "count", "at", "by quality", "by gain", "by prompt length")
    kinds = _by_kind(setting, [pair for listed in sources.values() for pair in listed])
    return Result(
        "pairs",
        "Pairs in the right order",
        (text,),
        (MeasureTable("Share in the right order", header, tuple(rows)), kinds),
    )


def pairs_of_rows(rows: Sequence[Row]) -> list[MessagePair]:
    """Rows with the same `pair`, of which one is `harder`; a lone row is left out."""
    by_pair: dict[str, dict[bool, Row]] = {}
    for row in rows:
        by_pair.setdefault(row["pair"], {})[row["harder"]] = row
    return [
        MessagePair(
            two[True]["task"].rpartition("/")[2],
            two[False]["query"],
            two[True]["query"],
            two[True].get("lang", "en"),
        )
        for two in by_pair.values()
        if len(two) == 2
    ]


def _rows(setting: Setting, name: str, listed: Sequence[MessagePair]) -> list[tuple[Cell, ...]]:
    counts = setting.counts(len(listed))
    length = with_interval(partial(means, _by_length(listed)), counts)
    orders = _orders(setting, listed)
    orders["mean"] = Orders(
        np.mean([one.quality for one in orders.values()], axis=0),
        np.mean([one.gain for one in orders.values()], axis=0),
    )
    return [
        (
            name,
            len(listed),
            size,
            with_interval(partial(means, right.quality), counts),
            with_interval(partial(means, right.gain), counts),
            length,
        )
        for size, right in orders.items()
    ]


def _orders(setting: Setting, listed: Sequence[MessagePair]) -> dict[str, Orders]:
    """Of each size in SIZES_ASKED."""
    easy = setting.subject.read([pair.easy for pair in listed])
    hard = setting.subject.read([pair.hard for pair in listed])
    return {
        size: Orders(
            _right(easy.quality(size), hard.quality(size)),
            _right(hard.gain(size), easy.gain(size)),
        )
        for size in SIZES_ASKED
    }


def _right(larger: Float64s, smaller: Float64s) -> Float64s:
    return (np.sign(larger - smaller) + 1) / 2


def _by_length(listed: Sequence[MessagePair]) -> Float64s:
    easy = np.array([float(len(pair.easy)) for pair in listed])
    return _right(np.array([float(len(pair.hard)) for pair in listed]), easy)


def _by_kind(setting: Setting, listed: Sequence[MessagePair]) -> MeasureTable:
    """Means over SIZES_ASKED, of all sources together."""
    right = np.mean([one.quality for one in _orders(setting, listed).values()], axis=0)
    kinds = np.array([pair.kind for pair in listed])
    languages = np.array(["en" if pair.language == "en" else "not English" for pair in listed])
    longer = np.array(
        [
            "easy one is longer" if len(p.easy) > len(p.hard) else "hard one is longer"
            for p in listed
        ]
    )
    rows = [
        (group, int((of == group).sum()), float(right[of == group].mean()))
        for of in (longer, languages, kinds)
        for group in sorted(set(of.tolist()))
    ]
    return MeasureTable(
        "By language, length and kind", ("pairs", "count", "by quality"), tuple(rows)
    )
