"""Texts inside of a text: base64, hexadecimal, and keys that are typed letter by letter."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator

from .finding import Detector, Finding

__all__ = ["decoded", "unwrapped"]

_BASE64 = re.compile(
    r"(?<![A-Za-z0-9+/_\-])[A-Za-z0-9+/_\-]{8,}(?:\r?\n[ \t]{0,8}[A-Za-z0-9+/_\-]{4,})*={0,2}"
)
_HEXADECIMAL = re.compile(
    r"(?<![A-Za-z0-9])[2-7][0-9a-fA-F](?: ?[0-9a-fA-F]{2}){9,}(?![A-Za-z0-9])"
)
_SPACED = re.compile(
    r"(?<![A-Za-z0-9_.@\-])(?:[A-Za-z0-9_.@\-] ){7,512}[A-Za-z0-9_.@\-](?![A-Za-z0-9_.@\-])"
)
_LINE = re.compile(r"[A-Za-z0-9+/_\-]{16,}={0,2}")
LEAST_ENCODED = 16  # characters of base64 that an e-mail address has at least, about


def unwrapped(text: str, find: Detector) -> Iterator[Finding]:
    """What `find` finds in texts that this one holds in base64 or hexadecimal, one level deep, or
    letter by letter; the whole of it is the finding."""
    for match in _BASE64.finditer(text):
        if len(match[0]) < LEAST_ENCODED:
            continue
        lines = _LINE.finditer(text, *match.span()) if "\n" in match[0] else ()
        for word in (match, *lines):  # several lines of one, or one line above another text
            inner = decoded(word[0])
            if inner is not None:
                yield from _outside(word, find(inner))
    for match in _HEXADECIMAL.finditer(text):
        inner = _shown(bytes.fromhex(match[0].replace(" ", "")))
        if inner is not None:
            yield from _outside(match, find(inner))
    for match in _SPACED.finditer(text):
        yield from _outside(match, find(match[0].replace(" ", "")))


def _outside(word: re.Match[str], inner: Iterable[Finding]) -> Iterator[Finding]:
    first = next(iter(inner), None)
    if first is not None:
        yield Finding(word.start(), word.end(), first.kind, first.detail)


def decoded(word: str) -> str | None:
    """The text that base64 stands for, None where it stands for none."""
    plain = "".join(word.split()).translate(_STANDARD).rstrip("=")
    try:
        content = base64.b64decode(plain[: len(plain) // 4 * 4] + _tail(plain), validate=True)
    except (binascii.Error, ValueError):
        return None
    return _shown(content)


def _shown(content: bytes) -> str | None:
    """The text that bytes are, None for no text, or one that nobody could read."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return None
    shown = sum(letter.isprintable() or letter in "\r\n\t" for letter in text)
    return text if text and shown >= 0.95 * len(text) else None


def _tail(plain: str) -> str:
    rest = plain[len(plain) // 4 * 4 :]
    return rest + "=" * (4 - len(rest)) if len(rest) > 1 else ""


_STANDARD = str.maketrans("-_", "+/")
