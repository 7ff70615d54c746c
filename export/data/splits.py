"""Other splits of outcome rows than their own: RouterEval's 8:1:1, TO-Router's 80/20 by stratum."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Literal, get_args

from edge_router.learning.outcomes.rows import Row

from .rows import letters_of

__all__ = ["SPLITTINGS", "Splitting", "resplit", "some_rows"]

Splitting = Literal["rows", "8:1:1", "80/20"]
SPLITTINGS: tuple[Splitting, ...] = get_args(Splitting)


def resplit(
    tables: Mapping[str, Sequence[Row]], splitting: Splitting
) -> Mapping[str, Sequence[Row]]:
    """The rows by table, split anew: as "rows" they keep their own split.

    "8:1:1" is train, dev and test at random (RouterEval, Huang et al. 2025, section 4.1). "80/20"
    is train and test, in each table and kind of task by itself (TO-Router, Stripelis et al. 2024,
    section 4.3). Both go by a hash of a query's letters, so that every run splits alike and equal
    queries stand on one side, in all tables.
    """
    if splitting == "rows":
        return tables
    sides = _thirds(tables) if splitting == "8:1:1" else _strata(tables)
    return {
        name: [row | {"split": sides[letters_of(row["query"])]} for row in rows]
        for name, rows in tables.items()
    }


def some_rows(rows: Sequence[Row], count: int | None) -> list[Row]:
    """At most `count` of the rows, by a hash of their queries, in their own order."""
    if count is None or count >= len(rows):
        return list(rows)
    ranked = sorted(rows, key=lambda row: _share(letters_of(row["query"])[::-1]))
    kept = {id(row) for row in ranked[:count]}
    return [row for row in rows if id(row) in kept]


def _thirds(tables: Mapping[str, Sequence[Row]]) -> dict[str, str]:
    sides = {}
    for letters in {letters_of(row["query"]) for rows in tables.values() for row in rows}:
        share = _share(letters)
        sides[letters] = "train" if share < 0.8 else "dev" if share < 0.9 else "test"
    return sides


def _strata(tables: Mapping[str, Sequence[Row]]) -> dict[str, str]:
    """Of each table's kind of task the fifth with the highest hashes is the test; a query that
    stands in several strata goes by the first."""
    strata: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    seen: set[str] = set()
    for name, rows in tables.items():
        for row in rows:
            letters = letters_of(row["query"])
            if letters not in seen:
                seen.add(letters)
                strata[name, str(row["task"])].append(letters)
    sides: dict[str, str] = {}
    for members in strata.values():
        ordered = sorted(members, key=_share)
        train = round(0.8 * len(ordered))
        sides |= {letters: "train" if at < train else "test" for at, letters in enumerate(ordered)}
    return sides


def _share(letters: str) -> float:
    """0..1, spread evenly."""
    return int(hashlib.sha256(letters.encode()).hexdigest()[:8], 16) / 16**8
