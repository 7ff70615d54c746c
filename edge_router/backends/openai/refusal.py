"""Which field of a request a server's refusal is about: an unsupported parameter, by its name."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from .events import Malformed, json_object
from .settings import BOUNDS

__all__ = ["refused_field"]

_STATUSES = (400, 405, 415, 422, 501)
_SERVER_ERROR = 500  # some gateways; believed only with a code that says it
_CODES = re.compile(
    r"(unsupported|unknown|unrecogni[sz]ed|unexpected)_?(parameter|value|field|argument)"
    r"|extra_forbidden|extra_fields_not_permitted"
)
_PHRASES = re.compile(
    r"unsupported|(?:not|n't) (?:\w+ ){0,2}(?:support|permit|allow|available|recogni[sz]ed|accept"
    r"|implement|configurable|known)|not a valid (?:\w+ )?(?:parameter|argument|field|option|key)"
    r"|no longer support|unknown|unrecogni[sz]ed|unexpected|additional propert"
    r"|extra (?:input|field|_?forbidden)|extra_forbidden|cannot find field|deprecated|disallowed"
    r"|(?:invalid|illegal|no such) (?:field|argument|parameter|key)"
    r"|can(?:not|'t) be (?:used|set|specified|changed)|must not (?:specify|set|contain|include)"
    r"|incompatible|been removed|only (?:the )?(?:default|[\d.]+)\b.{0,40}(?:allowed|supported)"
    r"|instead|不支持",
    re.IGNORECASE,
)
_RANGE = re.compile(
    r"must be|should be|less than|greater than|at most|at least|maximum|minimum|exceed|range"
    r"|between|too (?:large|small|long|high|low|many)",
    re.IGNORECASE,
)
_READ = 4000  # characters
_ENVELOPES = ("error", "detail", "details", "message", "errors", "metadata", "fault")
_CLAUSE_END = re.compile(r"[.;!?]\s+")
_ADVICE = (
    r"(?:use|using|should be|replaced by|renamed to|maximum with)\W+(?:(?:the|parameter|field)\W+)*"
)
_LARGE = re.compile(
    "too (?:large|high|many)|less than|smaller|at most|exceed|below|up to", re.IGNORECASE
)


def refused_field(status: int, body: str, candidates: Collection[str]) -> str | None:
    """The field of `candidates` that the server does not take at all, None for any other refusal: a
    value out of range is the user's to correct."""
    errors = list(_errors(body))
    if status == _SERVER_ERROR:
        errors = [error for error in errors if _has_code(error)]
        if not errors:
            return None
    elif status not in _STATUSES:
        return None
    return _by_field(errors, candidates) or _by_words(errors, body, candidates)


def _by_field(errors: list[Mapping[str, Any]], candidates: Collection[str]) -> str | None:
    """The candidate that an error names in a field of its own, such as `param`."""
    for error in errors:
        name = _field(error.get("param")) or _field(error.get("loc")) or _field(error.get("field"))
        if name in candidates and (_has_code(error) or _says_unsupported(_words(error))):
            return name
    return None


def _by_words(
    errors: list[Mapping[str, Any]], body: str, candidates: Collection[str]
) -> str | None:
    """The candidate that the words of an error name."""
    for error in errors:
        coded = _has_code(error) and not _RANGE.search(_words(error))
        if coded and (name := _named_in(_words(error), candidates)):
            return name
    for text in [_words(error) for error in errors] or [body]:
        if name := _renamed(text, candidates):
            return name
        for clause in _CLAUSE_END.split(text[:_READ]):
            if _says_unsupported(clause) and (name := _named_in(clause, candidates)):
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
        part = waiting.pop(0)
        if isinstance(part, list):
            waiting += part[:16]
        elif isinstance(part, dict):
            yield part
            waiting += [part.get(name) for name in _ENVELOPES]
            if isinstance(by_field := part.get("errors"), dict):  # {"seed": ["is unsupported"]}
                waiting += [
                    {"param": name, "message": str(text)[:_READ]}
                    for name, text in list(by_field.items())[:16]
                ]


def _field(place: object) -> str | None:
    """The field that `param` or a pydantic location names: "body.stop" or ["body", "stop", 0]."""
    parts = place if isinstance(place, list) else str(place or "").split(".")
    names = [part for part in parts if isinstance(part, str) and part not in ("body", "$")]
    return re.split(r"[.\[]", names[0], maxsplit=1)[0] if names else None


def _has_code(error: Mapping[str, Any]) -> bool:
    code = f"{_text(error.get('code'))} {_text(error.get('type'))}".lower()
    return bool(_CODES.search(code))


def _says_unsupported(text: str) -> bool:
    return bool(_PHRASES.search(text)) and not _RANGE.search(text)


def _words(error: Mapping[str, Any]) -> str:
    names = ("message", "msg", "error", "detail", "description", "raw", "faultstring")
    return " ".join(_text(error.get(name)) for name in names)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _named_in(text: str, candidates: Collection[str]) -> str | None:
    """The candidate that `text` names first; an everyday word only where it is surely a name."""
    places = [
        (place.start(), name)
        for name in candidates
        if (place := re.search(_naming(name), text, re.IGNORECASE))
    ]
    return min(places)[1] if places else None


def _renamed(text: str, candidates: Collection[str]) -> str | None:
    """The limit of an answer's length that was sent, where the server wants its other name."""
    text = text[:_READ]
    if _LARGE.search(text):
        return None
    for name, other in zip(BOUNDS, reversed(BOUNDS), strict=True):
        advice = rf"{_ADVICE}['\"`]?{_spelled(other)}\b"
        if (
            name in candidates
            and other not in candidates
            and re.search(advice, text, re.IGNORECASE)
        ):
            return name
    return None


def _spelled(name: str) -> str:
    """A pattern for a name in snake case or camel case."""
    return "_?".join(map(re.escape, name.split("_")))


def _naming(name: str) -> str:
    word = rf"(?<![\w-]){_spelled(name)}(?![\w-])"
    if "_" in name:
        return word
    before = (
        "parameter|argument|field|property|option|key|supplied|input|support|body|specify|default"
        "|invalid"
    )
    after = (
        "is|are|(?:was|must) (?:not|un)|parameter|field|argument|cannot|does|isn't|unsupported|not"
        "|sequences? (?:is|are)"
    )
    return (
        rf"['\"`]{word}['\"`]|(?:{before})\w*(?:\(s\))?\W+{word}"
        rf"|{word}(?:\W{{1,3}}(?:{after})\b|:)"
    )
