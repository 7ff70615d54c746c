"""A file of labelled outcomes: JSON lines, one query a row, plain or gzipped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .chat import ChatRequest
from .errors import ConfigError, InvalidRequest
from .json_lines import json_lines

__all__ = ["LabelledQuery", "read_outcomes"]


@dataclass(frozen=True, slots=True)
class LabelledQuery:
    """A query and how good one expert's answer was, 0..1; `output_tokens` None where not known."""

    request: ChatRequest
    score: float
    output_tokens: float | None


def read_outcomes(path: Path, name: str, column: str | None = None) -> list[LabelledQuery]:
    """The outcomes of one expert.

    A row has `query` or `messages`, and `score`: a number, or `{expert: number}`; then `column`
    says which, else it is `name` if there, else the only one there is. Rows without it are passed
    over. Raises ConfigError that names the line.
    """
    rows = [(where, _checked(row, where)) for where, row in json_lines(path, ConfigError)]
    found = _column([row["score"] for _, row in rows], name, column, path)
    outcomes = [_outcome(where, row, found) for where, row in rows if _has(row["score"], found)]
    if not outcomes:
        raise ConfigError(f"{path} holds no outcome of {found!r}")
    return outcomes


def _checked(row: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(row, dict) or "score" not in row or not row.keys() & {"query", "messages"}:
        raise ConfigError(f'{where} must have "score", and "query" or "messages"')
    return row


def _column(scores: Sequence[Any], name: str, column: str | None, path: Path) -> str:
    named: list[str] = sorted(
        {expert for score in scores if isinstance(score, dict) for expert in score}
    )
    wanted = column or (name if name in named or not named else "")
    if not wanted and len(named) == 1:
        return named[0]
    if (named and wanted not in named) or (column and not named):
        raise ConfigError(
            f"{path} has outcomes of {', '.join(named[:20]) or 'nobody by name'}; say which with "
            "--expert"
        )
    return wanted


def _has(score: Any, column: str) -> bool:
    return not isinstance(score, dict) or score.get(column) is not None


def _outcome(where: str, row: Mapping[str, Any], column: str) -> LabelledQuery:
    score = _of(row["score"], column)
    if isinstance(score, bool) or not isinstance(score, (int, float)) or not 0 <= score <= 1:
        raise ConfigError(f"{where} has score {score!r}; scores lie in 0..1")
    try:
        request = ChatRequest.of(row["query"] if "query" in row else row["messages"])
    except InvalidRequest as error:
        raise ConfigError(f"{where}: {error}") from None
    tokens = _of(row.get("output_tokens"), column)
    counted = isinstance(tokens, (int, float)) and tokens >= 1
    return LabelledQuery(request, float(score), float(tokens) if counted else None)


def _of(value: Any, column: str) -> Any:
    return value.get(column) if isinstance(value, dict) else value
