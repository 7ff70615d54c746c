"""Checks, completes and joins the outcomes of one query."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from statistics import fmean

from edge_router.guards.redaction import quoted_json
from edge_router.learning.outcomes.rows import Row

from ..rows import SPLITS, BadRow, query_key, split_of
from .texts import is_blank, number

__all__ = ["QUANTITIES", "checked", "joined"]

COUNTS = ("input_tokens", "output_tokens", "out_chars")
QUANTITIES = ("cost_usd", *COUNTS, "latency_s")
BY_EXPERT = (*QUANTITIES, "answer")
SCORES_LIE = (
    "lie in 0..1, so divide by the most there can be, leave the column out, or a cell empty where "
    "none is known"
)


def checked(row: Row, where: str, *, source: str, task: str) -> Row:
    """A row as an importer read it, made whole and in the order of the row format.

    `source` and `task` stand in where the row has none of its own; a blank score is not known;
    fields that the format does not name are kept. Raises BadRow, which begins with `where`.
    """
    query = row["query"]
    if not isinstance(query, str) or not query.strip():
        raise BadRow(f"{where} has no query text; its query is {quoted_json(query)}")
    whole: Row = {
        "source": str(_given(row, "source", source, where)),
        "id": _given(row, "id", None, where),
        "qkey": str(_given(row, "qkey", None, where) or _key(query, where)),
        "split": "",
        "task": str(_given(row, "task", task, where)),
        "lang": str(_given(row, "lang", "en", where)),
        "query": query,
    }
    whole["split"] = _split(row, whole["qkey"], where)
    named = {*whole, "score", *BY_EXPERT}
    whole |= {name: value for name, value in row.items() if name not in named}
    whole["score"] = _numbers(row["score"], "score", where)
    whole |= {name: known for name in BY_EXPERT if (known := _known(row, name, where))}
    return _storable(whole, where)


def _given(row: Row, field: str, otherwise: object, where: str) -> object:
    if is_blank(value := row.get(field)):
        return otherwise
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise BadRow(f"{where} has {field} {quoted_json(value)}; it must be a text or a number")
    return value


def _key(query: str, where: str) -> str:
    try:
        return query_key(query)
    except UnicodeEncodeError as error:
        raise BadRow(f"{where} has a query that is not Unicode: {error.reason}") from None


def _split(row: Row, key: str, where: str) -> str:
    split = _given(row, "split", "", where) or split_of(key)
    if split not in SPLITS:
        raise BadRow(f"{where} has split {quoted_json(split)}; use one of {SPLITS}")
    return str(split)


def _known(row: Row, field: str, where: str) -> Mapping[str, object]:
    given = row.get(field) or {}
    if field == "answer":
        return _answers(given, where)
    if field == "out_chars" and not given:
        given = {e: len(text) for e, text in _answers(row.get("answer") or {}, where).items()}
    return _numbers(given, field, where)


def _answers(given: object, where: str) -> dict[str, str]:
    texts: dict[str, str] = {}
    for expert, text in _present(given, "answer", where).items():
        if not isinstance(text, str):
            raise BadRow(
                f"{where} has answer {quoted_json(text)} for {expert!r}; answers are texts"
            )
        texts[expert] = text
    return texts


def _numbers(given: object, field: str, where: str) -> dict[str, object]:
    numbers: dict[str, object] = {}
    for expert, cell in _present(given, field, where).items():
        value, most = number(cell), 1.0 if field == "score" else math.inf
        if value is None or not math.isfinite(value) or not 0 <= value <= most:
            bounds = SCORES_LIE if field == "score" else "are numbers from 0"
            raise BadRow(f"{where} has {field} {quoted_json(cell)} for {expert!r}; they {bounds}")
        numbers[expert] = int(value) if field in COUNTS and value.is_integer() else value
    return numbers


def _present(given: object, field: str, where: str) -> dict[str, object]:
    if not isinstance(given, Mapping):
        raise BadRow(f"{where} has {field} {quoted_json(given)}; give {field}: {{expert: ...}}")
    return {str(expert): cell for expert, cell in given.items() if not is_blank(cell)}


def _storable(row: Row, where: str) -> Row:
    """The row, if write_rows can write it: JSON, and Unicode without lone surrogates."""
    try:
        json.dumps(row, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise BadRow(f"{where} cannot be stored as JSON: {error}") from None
    return row


def joined(rows: Iterable[tuple[str, Row]]) -> list[Row]:
    """One row a query, in the order of first sight: the first row's fields, everyone's experts.

    Queries are the same when their texts are, up to case and white space; a whole row's own qkey
    may be coarser. An expert's scores for the same query are averaged. Raises BadRow when two rows
    of a query stand in different splits, or are judged against different references.
    """
    first: dict[str, tuple[str, Row]] = {}
    scores: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for where, row in rows:
        key = query_key(row["query"])
        for expert, score in row["score"].items():
            scores[key][expert].append(score)
        at, kept = first.setdefault(key, (where, row))
        if kept is not row:
            _refuse_conflict(kept, at, row, where)
            _add(kept, row)
    for key, scores_of in scores.items():
        first[key][1]["score"] = {expert: _mean(values) for expert, values in scores_of.items()}
    return [row for _, row in first.values()]


def _refuse_conflict(kept: Row, at: str, row: Row, where: str) -> None:
    for field in ("split", "judged_against"):
        here, there = row.get(field), kept.get(field)
        if here != there:
            raise BadRow(f"{where} has {field} {here!r} for the query of {at}, which has {there!r}")


def _add(kept: Row, row: Row) -> None:
    for field in BY_EXPERT:
        if field in row:
            known = kept.get(field, {})
            kept[field] = known | row[field] | known


def _mean(values: list[float]) -> float:
    return values[0] if len(set(values)) == 1 else fmean(values)
