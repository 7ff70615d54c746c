"""Reads a judge's reply: a rating of 0 to 1, or who won; nothing where it is neither."""

from __future__ import annotations

import re

from edge_router.guards.json_lines import BadJson, json_value

from .cases import Mode

__all__ = ["verdict"]

RATING = re.compile(
    r"(?:(?:score|rating)\s*[:=]?\s*)?([0-9]{1,3}(?:\.[0-9]+)?)(?:\s*/\s*100)?\s*[.%]?",
    re.IGNORECASE,
)
WINNER = re.compile(r"(?:(?:answer|winner)\s*[:=]?\s*)?(A|B|tie)\s*[.]?", re.IGNORECASE)
RESULTS = {"a": 1.0, "b": 0.0, "tie": 0.5}
DECORATION = " \t*`\"'_#[]()"


def verdict(reply: str, mode: Mode) -> float | None:
    """0..1 for the first answer: its rating, or 1 where it won, 0 where it lost, 1/2 for a tie.

    The first line that is not blank must be the verdict and nothing else, or the reply a JSON
    object of "rating" or "winner", as of a bound judge. A number or a letter somewhere in prose
    is none: it may be the answer's own words, which the judge repeats. Neither is a rating between
    0 and 1, of a judge that rates out of 1 where 0 to 100 was asked for.
    """
    reply = _unpacked(reply, "rating" if mode == "score" else "winner")
    line = next((line for line in reply.splitlines() if line.strip(DECORATION)), "")
    form = RATING if mode == "score" else WINNER
    match = form.fullmatch(line.strip(DECORATION))
    if match is None:
        return None
    if mode == "pairs":
        return RESULTS[match[1].lower()]
    rating = float(match[1])
    return rating / 100 if rating == 0 or 1 <= rating <= 100 else None


def _unpacked(reply: str, name: str) -> str:
    """The text of the one field of a JSON object; any other reply as it is."""
    try:
        value = json_value(reply) if reply.lstrip().startswith("{") else None
    except BadJson:
        return reply
    return str(value[name]) if isinstance(value, dict) and [*value] == [name] else reply
