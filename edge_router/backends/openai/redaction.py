"""What no message may show: keys, passwords in URLs, and the words of the user."""

from __future__ import annotations

import html
import json
import re
import urllib.parse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import takewhile

__all__ = ["Redaction", "looks_like_a_key", "without_login"]

_MAX_CHARS = 200
_LOOKED_AT = 1000  # characters of a server's words, of which at most _MAX_CHARS are shown
_RUN = 12  # characters in a row that are surely quoted from the prompt
_MARK = _RUN // 2
_PLACES = 8  # where the same words stand in a text, before it is enough
_LEFT_OUT = "[...]"
_LOGIN = re.compile(r"(?<=//)[^/\s@]*(?:[^/\s]*@)+")
_KEY = re.compile(
    r"\b(?:sk|pk|rk|gsk|xai|hf|nvapi|pplx|key|AIza)[-_][\w-]{12,}|\bAIza[\w-]{16,}"
    r"|(?<=Bearer )\S{6,}",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Redaction:
    """Makes the words of a server fit to be shown.

    `secrets` are replaced wherever they stand, `texts` are what the user asked: what is quoted
    from them is left out.
    """

    secrets: tuple[str, ...] = field(default=(), repr=False)
    texts: tuple[str, ...] = field(default=(), repr=False)

    def line(self, told: str) -> str:
        """`told` on one short line. It is cut only after that: half a key is too much."""
        line = _one_line(told)
        for secret in sorted(self._secret_forms(), key=len, reverse=True):
            line = line.replace(secret, "***")
        line = _KEY.sub("***", _LOGIN.sub("***@", line))[:_LOOKED_AT]
        return self.without_quotes(line)[:_MAX_CHARS]

    def without_quotes(self, line: str) -> str:
        """`line` without what it quotes from the texts, in any of the ways that servers quote."""
        asked = list(dict.fromkeys(form for text in self.texts for form in _quoted(text)))
        # A run holds one of these whole, wherever it begins; most places are passed by a look-up.
        marks = {form[at : at + _MARK] for form in asked for at in range(0, len(form), _MARK)}
        marked = [line[at : at + _MARK] in marks for at in range(len(line))]
        kept: list[str] = []
        at = 0
        while at < len(line):
            run = _longest_run(line, at, asked) if any(marked[at : at + _MARK]) else 0
            if run == 0:
                kept.append(line[at])
            elif kept[-1:] != [_LEFT_OUT]:
                kept.append(_LEFT_OUT)
            at += max(1, run)
        return "".join(kept)

    def _secret_forms(self) -> Iterator[str]:
        for secret in self.secrets:
            line = _one_line(secret)
            yield from (line, json.dumps(line)[1:-1], urllib.parse.quote(line, safe=""))


def without_login(url: str) -> str:
    """A URL as far as it may be shown: no login, no query, no fragment."""
    return _LOGIN.sub("", re.split(r"[?#]", url, maxsplit=1)[0])


def looks_like_a_key(text: str) -> bool:
    """Whether `text`, which was to be a name, is rather a key that was pasted there."""
    return (
        len(text) > 40
        or text.startswith(("sk-", "gsk_"))
        or bool(re.search("[a-z]", text) and re.search("[0-9]", text))
    )


def _longest_run(line: str, at: int, asked: Iterable[str]) -> int:
    """How many characters from `at` stand in one of `asked`, 0 for less than a run."""
    start, longest = line[at : at + _RUN], 0
    if len(start) < _RUN:
        return 0
    for form in asked:
        place = form.find(start)
        for _ in range(_PLACES):
            if place < 0:
                break
            pairs = zip(line[at:], form[place : place + len(line)], strict=False)
            longest = max(
                longest, sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
            )
            place = form.find(start, place + 1)
    return longest


def _quoted(text: str) -> list[str]:
    """`text` as it is, and as JSON, Python and HTML write it; each on one line."""
    forms = (
        text,
        json.dumps(text)[1:-1],
        json.dumps(text, ensure_ascii=False)[1:-1],
        repr(text)[1:-1],
        repr(text.encode(errors="replace"))[2:-1],
        html.escape(text),
    )
    return [_one_line(form) for form in forms]


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    if line.isprintable():
        return line
    return " ".join("".join(c if c.isprintable() else " " for c in line).split())
