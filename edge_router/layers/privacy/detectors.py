"""Detectors: everything private that is found in a text, by the settings."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from functools import lru_cache, partial

from edge_router.chat.private_data import PrivateKind
from edge_router.guards.bounded_pattern import WINDOW, bounded_pattern
from edge_router.settings.privacy_config import PrivacyConfig

from .finding import Detector, Finding, apart
from .hidden_texts import unwrapped
from .markings import markings
from .national_ids import national_ids
from .numbers import card_pieces, cards, ibans, phones
from .places import emails, home_folders, names, network_addresses
from .readable import readable
from .secrets import issued_keys, secrets

__all__ = ["PATTERN_SECONDS", "Detectors"]

PATTERN_SECONDS = 1.0  # of the user's own patterns on one text
KEPT, KEPT_LONG = 512, 4  # texts whose findings are remembered, and those of over LONG characters
LONG = 1 << 15

OF_KIND: dict[str, tuple[Detector, ...]] = {
    PrivateKind.IBAN: (ibans,),
    PrivateKind.CARD: (cards, card_pieces),
    PrivateKind.EMAIL: (emails,),
    PrivateKind.PHONE: (phones,),
    PrivateKind.SECRET: (issued_keys, secrets),
    PrivateKind.NETWORK: (network_addresses,),
    PrivateKind.PATH: (home_folders,),
    PrivateKind.NAME: (names,),
    PrivateKind.MARKED: (markings,),
}


class Detectors:
    """Finds what the settings call private. Thread-safe; time grows as the length of a text.

    A turn of a conversation holds the turns before it, so findings of the last texts are kept.
    """

    def __init__(self, config: PrivacyConfig) -> None:
        own = [_of_pattern(name, pattern) for name, pattern in config.patterns.items()]
        by_country = [national_ids(config.national_ids)] if config.national_ids else []
        shipped = [one for kind, some in OF_KIND.items() if kind in config.detect for one in some]
        self._all: tuple[Detector, ...] = (*own, *by_country, *shipped)
        self._of_ids = tuple(one for one in self._all if one is not secrets)
        self._kept = lru_cache(maxsize=KEPT)(self._find)
        self._kept_long = lru_cache(maxsize=KEPT_LONG)(self._find)

    def find(self, text: str, *, identifier: bool = False) -> tuple[Finding, ...]:
        """What is private in a text, from left to right and apart from each other.

        An `identifier` of a protocol, such as that of a call of a tool, may look random.
        """
        return (self._kept if len(text) <= LONG else self._kept_long)(text, identifier)

    def _find(self, text: str, identifier: bool) -> tuple[Finding, ...]:
        plain = readable(text)
        search = partial(_run, self._of_ids if identifier else self._all)
        everything = (*unwrapped(plain.text, search), *search(plain.text))
        written = (
            Finding(*plain.span(one.start, one.end), one.kind, one.detail) for one in everything
        )
        return tuple(apart(written))


def _run(detectors: Iterable[Detector], text: str) -> Iterator[Finding]:
    for detector in detectors:
        yield from detector(text)


def _of_pattern(name: str, stated: str) -> Detector:
    """A detector by a pattern of the user's own, which is searched in windows: a match has WINDOW
    characters at most. A text that takes too long counts as one finding."""
    pattern = bounded_pattern(stated, f"patterns: {name!r}")

    def detector(text: str) -> Iterator[Finding]:
        until, done = time.monotonic() + PATTERN_SECONDS, 0
        for start in range(0, max(1, len(text)), WINDOW):
            if time.monotonic() > until:
                yield Finding(start, len(text), PrivateKind.PATTERN, name)
                return
            for match in _within(pattern, text, max(start, done), start + 2 * WINDOW):
                done = match.end()
                yield Finding(match.start(), match.end(), PrivateKind.PATTERN, name)

    return detector


def _within(pattern: re.Pattern[str], text: str, start: int, end: int) -> Iterator[re.Match[str]]:
    """The matches that begin in the first half of a window."""
    for match in pattern.finditer(text, start, end):
        if match.start() >= end - WINDOW:
            return
        yield match
