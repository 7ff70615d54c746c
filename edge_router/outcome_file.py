"""A file of labelled outcomes of one expert, for its enrolment."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from .chat import ChatRequest
from .errors import ConfigError
from .outcome_rows import ALONE, OutcomeRows, Row, request_of

__all__ = ["LabelledQuery", "read_outcomes"]

log = logging.getLogger("edge_router")


@dataclass(frozen=True, slots=True)
class LabelledQuery:
    """A query and how good one expert's answer was, 0..1; `output_tokens` None where not known."""

    request: ChatRequest
    score: float
    output_tokens: float | None


def read_outcomes(path: Path, name: str, column: str | None = None) -> list[LabelledQuery]:
    """The outcomes of one expert, from outcome rows.

    A row's `score` is a number, or `{expert: number}`; then `column` says which, else it is `name`
    if there, else the only one there is. Rows without it are passed over. Where no row counts the
    tokens of an answer, a warning says so. Raises ConfigError that names the line.
    """
    rows = list(OutcomeRows(path, ConfigError, alone=True).placed())
    found = _column({expert for _, row in rows for expert in row["score"]}, name, column, path)
    outcomes = [
        _outcome(where, row, owner)
        for where, row in rows
        for owner in (found, ALONE)
        if owner in row["score"]
    ]
    if not outcomes:
        raise ConfigError(f"{path} holds no outcome of {found!r}")
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
