"""Outcome rows, the one format of known outcomes: JSON lines, one query a row, plain or gzipped.

Fields: `query` or `messages`; `score{expert: 0..1}`; where known `cost_usd{}`, `input_tokens{}`,
`output_tokens{}`, `out_chars{}`, `latency_s{}`, `ttft_s{}`, `answer{}`; and the texts `source`,
`id`, `qkey`, `split`, `task`, `lang`, `gold`, `metric`. A null is not known: it is left out.
"""

from __future__ import annotations

import hashlib
import logging
import math
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge_router.chat.request import ChatRequest
from edge_router.errors import ConfigError, EdgeRouterError, InvalidRequest, OutcomesUnusable
from edge_router.guards.checks import MOST
from edge_router.guards.json_lines import is_unicode, json_lines
from edge_router.guards.redaction import quoted_json

__all__ = [
    "ALONE",
    "BY_EXPERT",
    "LabelledQuery",
    "OutcomeRows",
    "Row",
    "query_key",
    "read_outcomes",
    "request_of",
]


Row = dict[str, Any]

log = logging.getLogger("edge_router")

ALONE = ""  # the expert of a score that stands alone: {"score": 1}
PLAIN = frozenset((int, float))
NUMBERS = {
    "score": (0.0, 1.0),
    "cost_usd": (0.0, MOST),
    "input_tokens": (0.0, MOST),
    "output_tokens": (0.0, MOST),
    "out_chars": (0.0, MOST),
    "latency_s": (0.0, MOST),
    "ttft_s": (0.0, MOST),
    "nll": (-MOST, MOST),
    "similarity": (-MOST, MOST),
}
BY_EXPERT = (*NUMBERS, "answer", "failed", "confidence")
TEXTS = ("source", "qkey", "split", "task", "lang", "metric", "query")
TEXTS_OR_NUMBERS = ("id", "gold")
KNOWN = frozenset((*BY_EXPERT, *TEXTS, *TEXTS_OR_NUMBERS, "messages"))


@dataclass(slots=True)
class OutcomeRows:
    """The rows of the file at `path`, each checked before it is given out.

    `needed` are fields that every row must have ("query" also goes as "messages"). With `alone`, a
    number may stand where the format has numbers by expert; it belongs to the expert ALONE.
    Iterating raises `refusal`, with file, line, field and expert, for whatever is not in the
    format. A score of null was not graded: it is left out, counted in `ungraded` by expert, and
    one warning at the end says so.
    """

    path: Path
    refusal: type[EdgeRouterError] = OutcomesUnusable
    needed: Collection[str] = ("score", "query")
    alone: bool = False
    ungraded: Counter[str] = field(default_factory=Counter)

    def __iter__(self) -> Iterator[Row]:
        for _, row in self.placed():
            yield row

    def placed(self) -> Iterator[tuple[str, Row]]:
        """Each row with its place, for messages."""
        self.ungraded.clear()
        if ".csv" in [ending.lower() for ending in self.path.suffixes[-2:]]:
            raise self.refusal(
                f"{self.path} is a CSV; make rows of it: edge-router export init {self.path}"
            )
        for where, row in json_lines(self.path, self.refusal):
            yield where, self.checked(row, where)
        if self.ungraded:
            log.warning("%s: %s", self.path, self.note)

    @property
    def note(self) -> str:
        """What was left out, as a clause."""
        counts = ", ".join(
            f"{name or 'whole rows'}: {n:,}" for name, n in sorted(self.ungraded.items())
        )
        return (
            f"{self.ungraded.total():,} scores are null, not graded, and left out ({counts:.200})"
        )

    def checked(self, row: Any, where: str) -> Row:
        """The known fields of one row, which stands at `where`."""
        if not isinstance(row, dict):
            raise self.refusal(
                f"{where} {_lacks(self.needed)}; it is {quoted_json(row)}, no object"
            )
        if missing := [name for name in self.needed if not _has(row, name)]:
            raise self.refusal(f"{where} {_lacks(missing)}")
        checked = {name: self._field(name, value, where) for name, value in row.items()}
        return {
            name: value for name, value in checked.items() if value is not None or name not in KNOWN
        }

    def _field(self, name: str, value: Any, where: str) -> Any:
        """The checked value of a field; None where it is not known."""
        if name in BY_EXPERT:
            return self._by_expert(name, value, where)
        if name == "messages":
            return self._messages(value, where)
        if value is not None and name in TEXTS:
            self._require(isinstance(value, str), name, value, where, "a text")
        if value is not None and name in TEXTS_OR_NUMBERS:
            fits = isinstance(value, str) or _is_number(value, -MOST, MOST)
            self._require(fits, name, value, where, "a text or a number")
        if isinstance(value, str) and not is_unicode(value):
            raise self.refusal(f"{where} has {name} {quoted_json(value)}; it must be valid Unicode")
        return value

    def _messages(self, value: Any, where: str) -> Any:
        if value is None:
            return None
        self._require(isinstance(value, list), "messages", value, where, "a list of messages")
        try:
            ChatRequest.of(value)
        except (InvalidRequest, ValueError, TypeError) as error:
            raise self.refusal(f"{where} has messages that cannot be routed: {error}") from None
        return value

    def _by_expert(self, name: str, value: Any, where: str) -> Any:
        """The known values by expert; a null, for all or for one, is none."""
        if self.alone and not isinstance(value, dict | list):
            value = {ALONE: value}
        if value is None:
            self._count(name, ALONE)
            return {}
        wanted = f"an object of {_kind(name)} by expert" + (", or one" if self.alone else "")
        self._require(isinstance(value, dict), name, value, where, wanted)
        if name in NUMBERS and _is_plainly_right(value, *NUMBERS[name]):
            return value
        known = {}
        for expert, one in value.items():
            if one is None:
                self._count(name, expert)
                continue
            self._check_one(name, expert, one, where)
            known[expert] = one
        return known

    def _count(self, name: str, expert: str) -> None:
        if name == "score":
            self.ungraded[expert] += 1

    def _check_one(self, name: str, expert: str, value: Any, where: str) -> None:
        if not is_unicode(expert):
            raise self.refusal(
                f"{where} has {name} of {quoted_json(expert)}, which is no valid Unicode"
            )
        whose = f" for {expert!r:.80}" if expert else ""
        if name in NUMBERS:
            if not _is_number(value, *NUMBERS[name]):
                raise self.refusal(
                    f"{where} has {name} {quoted_json(value)}{whose}; {_range(name)}"
                )
        elif name == "confidence":
            if not _is_confidence(value):
                raise self.refusal(
                    f"{where} has {name} {quoted_json(value)}{whose}; it must be objects of finite "
                    "numbers by name"
                )
        elif not isinstance(value, str) or not is_unicode(value):
            raise self.refusal(f"{where} has {name} {quoted_json(value)}{whose}; it must be a text")

    def _require(self, fits: bool, name: str, value: Any, where: str, wanted: str) -> None:
        if not fits:
            raise self.refusal(f"{where} has {name} {quoted_json(value)}; it must be {wanted}")


def request_of(row: Row, where: str, refusal: type[EdgeRouterError]) -> ChatRequest:
    """The query of a checked row. Raises `refusal` for one that cannot be routed."""
    try:
        return ChatRequest.of(row["query"] if "query" in row else row["messages"])
    except (InvalidRequest, ValueError, TypeError) as error:
        raise refusal(f"{where} has a query that cannot be routed: {error}") from None


def query_key(query: str) -> str:
    """The hash that a query's split goes by: equal up to case and white space."""
    return hashlib.sha256(" ".join(query.lower().split()).encode()).hexdigest()[:16]


def _has(row: Row, name: str) -> bool:
    if name == "query":
        return row.get("query") is not None or row.get("messages") is not None
    return name in row and (row[name] is not None or name in BY_EXPERT)


def _lacks(names: Collection[str]) -> str:
    told = [f'"{name}"' + (' (or "messages")' if name == "query" else "") for name in names]
    return f"lacks {', '.join(told)}" if told else "is no row"


def _is_number(value: Any, low: float, high: float) -> bool:
    """An integer or a float within bounds; neither a bool nor NaN."""
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


def _is_plainly_right(values: dict[str, Any], low: float, high: float) -> bool:
    """Whether no value needs a closer look; it saves most of the time that a row takes."""
    for name, value in values.items():
        if type(value) not in PLAIN or not low <= value <= high or not name.isascii():
            return False
    return True


def _is_confidence(value: Any) -> bool:
    """Objects of numbers, by the number of tokens seen."""
    return isinstance(value, dict) and all(
        isinstance(one, dict) and all(_is_number(number, -MOST, MOST) for number in one.values())
        for one in value.values()
    )


def _kind(name: str) -> str:
    return "numbers" if name in NUMBERS else "objects" if name == "confidence" else "texts"


def _range(name: str) -> str:
    low, high = NUMBERS[name]
    if name == "score":
        return "scores lie in 0..1"
    return "it must be a number from 0" if low == 0 and math.isfinite(high) else "it must be finite"


@dataclass(frozen=True, slots=True)
class LabelledQuery:
    """A query and how good one expert's answer was, 0..1; `output_tokens` None where not known."""

    request: ChatRequest
    score: float
    output_tokens: float | None


def read_outcomes(path: Path, name: str, column: str | None = None) -> list[LabelledQuery]:
    """The outcomes of one expert, from outcome rows.

    A row's `score` is a number, or `{expert: number}`; then `column` says which, else it is `name`
    if there, else the only one there is. Rows without it are skipped. Where no row counts the
    tokens of an answer, a warning says so. Raises ConfigError that names the line.
    """
    rows = list(OutcomeRows(path, ConfigError, alone=True).placed())
    expert = _column({expert for _, row in rows for expert in row["score"]}, name, column, path)
    outcomes = [
        _outcome(where, row, owner)
        for where, row in rows
        for owner in (expert, ALONE)
        if owner in row["score"]
    ]
    if not outcomes:
        raise ConfigError(f"{path} holds no outcome of {expert!r}")
    if all(outcome.output_tokens is None for outcome in outcomes):
        log.warning(
            "%s: no row has output_tokens of these answers: their lengths, and so costs and times, "
            "are expected to be those of the shipped profile",
            path,
        )
    return outcomes


def _column(scored: Collection[str], name: str, column: str | None, path: Path) -> str:
    named = sorted(set(scored) - {ALONE})
    wanted = column or (name if name in named or not named else "")
    if not wanted and len(named) == 1:
        return named[0]
    if (named and wanted not in named) or (column and not named):
        raise ConfigError(
            f"{path} has outcomes of {', '.join(named[:20]) or 'nobody by name'}; say which with "
            "--expert"
        )
    return wanted


def _outcome(where: str, row: Row, owner: str) -> LabelledQuery:
    counted = row.get("output_tokens", {})
    tokens = counted.get(owner, counted.get(ALONE))
    return LabelledQuery(
        request_of(row, where, ConfigError),
        float(row["score"][owner]),
        float(tokens) if tokens is not None and tokens >= 1 else None,
    )
