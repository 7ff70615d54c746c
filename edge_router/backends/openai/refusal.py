"""Which field of a request a server's refusal is about: an unsupported parameter, by its name."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from .content import Malformed, json_object

__all__ = ["refused_field"]

_STATUSES = (400, 422)
_CODES = re.compile(
    r"(unsupported|unknown|unrecogni[sz]ed|unexpected)_?(parameter|value|field|argument)"
    r"|extra_forbidden|extra_fields_not_permitted"
)
_PHRASES = re.compile(
    r"unsupported|not (?:be )?(?:support|permitted|allowed|available|recogni[sz]ed|accepted)"
    r"|n't support|no longer support|unknown|unrecogni[sz]ed|unexpected|additional propert"
    r"|extra (?:input|field|_?forbidden)|extra_forbidden|cannot find field|deprecated"
    r"|invalid (?:field|argument|parameter|key)|instead",
    re.IGNORECASE,
)
_RANGE = re.compile(
    r"must be|should be|less than|greater than|at most|at least|maximum|minimum|exceed|range"
    r"|between|too (?:large|small|long|high|low|many)",
    re.IGNORECASE,
)


def refused_field(status: int, body: str, candidates: Collection[str]) -> str | None:
    """The one of `candidates` that the server does not take at all, None where it says no such
    thing: a value out of range is the user's to mend."""
    if status not in _STATUSES:
        return None
    errors = list(_errors(body))
    for error in errors:
        name = _field(error.get("param")) or _field(error.get("loc"))
        if name in candidates and _is_about_support(error):
            return name
    for told in [_words(error) for error in errors] or [body]:
        if _says_unsupported(told) and (name := _named_in(told, candidates)):
            return name
    return None


def _errors(body: str) -> Iterator[Mapping[str, Any]]:
    """Every object in a reply that may be the error: OpenAI's, pydantic's, an envelope's."""
    try:
        reply: Any = json_object(body.strip().removeprefix("[").removesuffix("]"))
    except Malformed:
        return
    waiting: list[Any] = [reply]
    for _ in range(64):  # not deeper: a server may say anything
        if not waiting:
            return
        found = waiting.pop(0)
        if isinstance(found, list):
            waiting += found[:16]
        elif isinstance(found, dict):
            yield found
            waiting += [found.get(name) for name in ("error", "detail", "message", "errors")]


def _field(told: object) -> str | None:
    """The field that `param` or a pydantic location names: "body.stop" or ["body", "stop", 0]."""
    parts = told if isinstance(told, list) else str(told or "").split(".")
    names = [part for part in parts if isinstance(part, str) and part != "body"]
    return re.split(r"[.\[]", names[0], maxsplit=1)[0] if names else None


def _is_about_support(error: Mapping[str, Any]) -> bool:
    code = f"{_text(error.get('code'))} {_text(error.get('type'))}".lower()
    return bool(_CODES.search(code)) or _says_unsupported(_words(error))


def _says_unsupported(told: str) -> bool:
    return bool(_PHRASES.search(told)) and not _RANGE.search(told)


def _words(error: Mapping[str, Any]) -> str:
    return " ".join(_text(error.get(name)) for name in ("message", "msg", "error", "detail"))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _named_in(told: str, candidates: Collection[str]) -> str | None:
    """The candidate that `told` names first; an everyday word only where it is surely a name."""
    found = [
        (place.start(), name)
        for name in candidates
        if (place := re.search(_naming(name), told, re.IGNORECASE))
    ]
    return min(found)[1] if found else None


def _naming(name: str) -> str:
    word = rf"(?<![\w-]){re.escape(name)}(?![\w-])"
    if "_" in name:
        return word
    before = "parameter|argument|field|property|option|key|supplied|input|support|body"
    after = "is|are|was|parameter|field|argument|cannot|does|:"
    return rf"['\"`]{word}['\"`]|(?:{before})\w*\W+{word}|{word}\W+(?:{after})"
