"""What is private in a whole request, and the request with placeholders in its place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from edge_router.chat.private_data import PrivateKind
from edge_router.chat.request import ChatRequest

from .detectors import Detectors
from .placeholders import Conversations
from .request_texts import is_opaque, visited

__all__ = ["Private", "Redacted", "redacted", "search", "without_private"]

NEAR = 160  # characters before and after the end of a turn
MOST_TURNS = 4  # that a number is looked for over
WHOLE = frozenset({PrivateKind.MEDIA, PrivateKind.MARKED})  # no placeholder can stand for it
CHECKED = frozenset({PrivateKind.CARD, PrivateKind.IBAN})
LEAST_KEPT_OUT = 6  # characters; a shorter value, such as a PIN, is part of many a number
_DIGIT = re.compile(r"\d")
_LIKE_PLACEHOLDERS = re.compile(r"\[[A-Z\-]{3,16}-[0-9]{1,9}\]")


@dataclass(frozen=True, slots=True)
class Private:
    """What is private in a request: kinds with their values, as written, in the order of their
    first places; media that is not searched has no value."""

    values: tuple[tuple[PrivateKind, str], ...]

    @property
    def kinds(self) -> tuple[PrivateKind, ...]:
        """The kinds, each once."""
        return tuple(dict.fromkeys(kind for kind, _ in self.values))

    def __bool__(self) -> bool:
        return bool(self.values)


@dataclass(frozen=True, slots=True)
class Redacted:
    """A request without private data, and the values by the placeholders that stand for them."""

    request: ChatRequest
    values: dict[str, str]


def search(request: ChatRequest, detectors: Detectors, *, media: bool) -> Private:
    """What the detectors find in every text of a request; with `media` what they cannot read counts
    too."""
    values: dict[tuple[PrivateKind, str], None] = {}

    def note(text: str, identifier: bool) -> str:
        for one in detectors.find(text, identifier=identifier):
            values[one.kind, text[one.start : one.end]] = None
        return text

    visited(request, note)
    values |= dict.fromkeys(_over_two_turns(request, detectors))
    if media and is_opaque(request):
        values[PrivateKind.MEDIA, ""] = None
    return Private(tuple(values))


def _over_two_turns(
    request: ChatRequest, detectors: Detectors
) -> Iterator[tuple[PrivateKind, str]]:
    """What a user wrote in a few turns one after the other, whatever was answered in between.

    Only of kinds with a checksum: any two numbers side by side may look like a phone number. No
    placeholder can stand in two messages, so such a request is withheld.
    """
    turns = [message.text.strip() for message in request.messages if message.role == "user"]
    for place, first in enumerate(turns[:-1]):
        for between in ("", " "):
            text, cut = first[-NEAR:], min(NEAR, len(first))
            for turn in turns[place + 1 : place + MOST_TURNS]:
                text += between + turn[:NEAR]
                if len(turn) > NEAR:
                    break
            for found in detectors.find(text) if _has_digits(text, cut) else ():
                if found.kind in CHECKED and found.start < cut and found.end > cut + len(between):
                    yield found.kind, text[found.start : found.end]


def _has_digits(text: str, cut: int) -> bool:
    """On both sides of a place."""
    return bool(_DIGIT.search(text, 0, cut) and _DIGIT.search(text, cut))


def redacted(
    request: ChatRequest, private: Private, detectors: Detectors, conversations: Conversations
) -> Redacted | None:
    """The request with placeholders for all that is private; None where something of it would stay,
    as in an image, in an attached file, in the name of a tool, or half in one turn of a user, and
    of a text that is marked as confidential: what is so in it nobody can tell."""
    if WHOLE & {*private.kinds} or any(_over_two_turns(request, detectors)):
        return None
    written = {word for text in _texts(request) for word in _LIKE_PLACEHOLDERS.findall(text)}
    made = conversations.placeholders(request, private.values, taken=written.__contains__)

    def replaced(text: str, identifier: bool) -> str:
        pieces, done = [], 0
        for one in detectors.find(text, identifier=identifier):
            pieces += [text[done : one.start], made[one.kind, text[one.start : one.end]]]
            done = one.end
        return "".join([*pieces, text[done:]]) if pieces else text

    clean = visited(request, replaced)
    values = {made[one]: one[1] for one in private.values}
    left = _left(clean, values)
    if left:  # where no detector saw it: a password that is a word elsewhere
        clean = visited(clean, lambda text, _: _without(text, left))
    if search(clean, detectors, media=False) or _left(clean, values):
        return None
    return Redacted(clean, values)


def without_private(
    request: ChatRequest, detectors: Detectors, conversations: Conversations
) -> ChatRequest | None:
    """The request with placeholders for all that is private in its texts; None where no placeholder
    can stand for it. Media is not looked at."""
    private = search(request, detectors, media=False)
    if not private:
        return request
    clean = redacted(request, private, detectors, conversations)
    return None if clean is None else clean.request


def _left(request: ChatRequest, values: dict[str, str]) -> dict[str, str]:
    """The values that are still in a request, by their placeholders."""
    whole = "\0".join(_texts(request))
    return {
        made: value
        for made, value in values.items()
        if len(value) >= LEAST_KEPT_OUT and value in whole
    }


def _texts(request: ChatRequest) -> list[str]:
    texts: list[str] = []

    def collect(text: str, _: bool) -> str:
        texts.append(text)
        return text

    visited(request, collect)
    return texts


def _without(text: str, left: dict[str, str]) -> str:
    for made, value in left.items():
        text = text.replace(value, made)
    return text
