"""An outcome as it leaves its device: one JSON object, without text unless that was asked for.

A row tells what calibration and enrolment need of a query: the router's representation of it, its
length, its script and what was expected of each expert. It holds no hash of the text, which anyone
could try guesses against. A representation is no anonymisation either: somebody who has the router
can compare it with those of texts that they suspect.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from edge_router.guards.json_lines import is_unicode

from ..outcomes import table
from ..outcomes.outcome import Outcome

__all__ = [
    "NOT_SHARED",
    "SHARED",
    "VERSION",
    "SharedRow",
    "packed",
    "require_in_range",
    "unpacked",
]

VERSION = 1
HOUR_S = 3600.0  # times are told to the hour: nothing that is learned needs more
MOST_TEXT = 1_000  # characters of a name
MOST_EXPERTS = 1_000
MOST_NUMBERS = 65_536  # of a representation
NAMES = ("id", "artifact", "script", "expert", "rival", "answered_by")
SHARED = (
    "id", "time", "artifact", "vector", "log_tokens", "characters", "script", "estimates",
    "expert", "rival", "answered_by", "propensity", "gain", "min_gain", "cost_usd",
    "first_token_s", "total_s", "input_tokens", "output_tokens", "prompt", "score", "ended",
)  # fmt: skip
NOT_SHARED = {one.name: one.default for one in fields(Outcome) if one.name not in SHARED}
"""What stands in the other fields of an outcome that came from elsewhere: nothing is learned from
them, so they stay on their device."""
FIELDS = frozenset((*SHARED, "version", "device", "export", "order"))
WHOLE = ("export", "order", "characters", "input_tokens", "output_tokens")
LARGEST = 2**53  # what every reader of JSON gets right


@dataclass(frozen=True, slots=True)
class SharedRow:
    """One outcome of `device`, which came as number `order` into its log, from its `export`."""

    device: str
    export: int
    order: int
    outcome: Outcome


def packed(row: SharedRow, *, text: bool) -> dict[str, Any]:
    """The row as JSON has it; its prompt only with `text`."""
    outcome = row.outcome
    values: dict[str, Any] = {
        name: getattr(outcome, name)
        for name in SHARED
        if name not in ("vector", "estimates", "prompt")
    }
    values["time"] = outcome.time // HOUR_S * HOUR_S
    values["vector"] = base64.b64encode(table.vector_bytes(outcome.vector)).decode()
    values["estimates"] = table.estimate_numbers(outcome.estimates)
    if text and outcome.prompt is not None:
        values["prompt"] = outcome.prompt
    head = {"version": VERSION, "device": row.device, "export": row.export, "order": row.order}
    return head | values


def unpacked(value: Any) -> SharedRow:
    """The row of a JSON value. Raises ValueError, which says what is wrong with it."""
    if not isinstance(value, dict):
        raise ValueError("is no outcome, but another kind of JSON value")
    if "version" not in value:
        raise ValueError("has no version: edge-router log export writes one into every row")
    if value["version"] != VERSION or isinstance(value["version"], bool):
        raise ValueError(
            f"has version {value['version']!r:.20}, this Edge Router reads {VERSION}; export the "
            "log again with this version, or upgrade"
        )
    if unknown := sorted(map(str, value.keys() - FIELDS)):
        raise ValueError(f"has a field {unknown[0]!r:.40}, which no outcome has")
    if missing := sorted(FIELDS - value.keys() - {"prompt"}):
        raise ValueError(f"lacks {missing[0]!r}")
    try:
        return _row(value)
    except table.FAULTS as error:
        raise ValueError(f"is damaged: {error}") from None


def _row(value: Mapping[str, Any]) -> SharedRow:
    device = value["device"]
    if not isinstance(device, str) or not 0 < len(device) <= MOST_TEXT or not is_unicode(device):
        raise ValueError(f"device is {device!r:.60}, no name")
    for name in WHOLE:
        _require_whole(value[name], name)
    stated = NOT_SHARED | {name: value.get(name) for name in SHARED}
    stated["vector"] = _bytes(value["vector"])
    outcome = table.checked(stated, value["estimates"])
    require_in_range(outcome)
    return SharedRow(device, value["export"], value["order"], outcome)


def _bytes(value: Any) -> bytes:
    try:
        data = base64.b64decode(value, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise ValueError("vector is no base64") from None
    if not 0 < len(data) <= 2 * MOST_NUMBERS:
        raise ValueError(f"vector has {len(data)} bytes")
    return data


def _require_whole(value: Any, name: str) -> None:
    if value is None and name.endswith("_tokens"):
        return
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < LARGEST:
        raise ValueError(f"{name} is {value!r:.40}, no whole number from 0")


def require_in_range(outcome: Outcome) -> None:
    """Raise ValueError for what no log exports."""
    if not 0 < outcome.propensity <= 1:
        raise ValueError(f"propensity is {outcome.propensity:g}; it must be above 0, at most 1")
    if outcome.score is not None and not 0 <= outcome.score <= 1:
        raise ValueError(f"score is {outcome.score:g}; it must be in 0..1")
    if len(outcome.estimates) > MOST_EXPERTS:
        raise ValueError(f"{len(outcome.estimates):,} experts are compared")
    names = [getattr(outcome, name) or "" for name in NAMES]
    if any(len(text) > MOST_TEXT for text in (*names, *outcome.estimates)):
        raise ValueError(f"a name is longer than {MOST_TEXT:,} characters")
    if not all(map(is_unicode, (*names, *outcome.estimates, outcome.prompt or ""))):
        raise ValueError("a text is no valid Unicode")
