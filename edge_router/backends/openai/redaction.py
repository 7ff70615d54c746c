"""Redact a server's words: keys, passwords in URLs, and what they quote from the prompt."""

from __future__ import annotations

import html
import json
import re
import urllib.parse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import takewhile

from edge_router.guards.redaction import HIDDEN, without_secrets

__all__ = ["Redaction"]

_MAX_CHARS = 200
_LOOKED_AT = 1000  # characters of a server's words, of which at most _MAX_CHARS are shown
_READ = 4000  # characters in which secrets are sought: a body can be far longer
_RUN = 12  # characters in a row that are surely quoted from the prompt
_SHORT = 4  # letters of a whole text that is shorter than a run, and is hidden all the same
_MARK = _RUN // 2
_PLACES = 8  # of the same words in a text that are compared
_LEFT_OUT = "[...]"
_LOGIN = re.compile(r"(?<=//)[^/\s]*@")
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
_KEY = re.compile(
    r"\b(?:sk|pk|rk|gsk|xai|hf|nvapi|pplx|key|AIza)[-_][\w-]{12,}|\bAIza[\w-]{16,}"
    r"|(?<=Bearer )\S{6,}",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Redaction:
    """Takes secrets and quotes out of the words of a server.

    `secrets` are replaced wherever they stand; quotes from `texts`, which are the user's, are left
    out.
    """

    secrets: tuple[str, ...] = field(default=(), repr=False)
    texts: tuple[str, ...] = field(default=(), repr=False)

    def line(self, words: str) -> str:
        """`words` on one line, redacted and then cut: half a key is too much."""
        secrets = sorted(self._secret_forms(), key=len, reverse=True)
        line = _one_line(words[:_READ])
        for secret in secrets:
            line = line.replace(secret, HIDDEN)
        if len(words) > _READ and secrets:
            line = line[: -len(secrets[0])]  # the cut may have left half of one there
        line = _one_line(_decoded(line))
        for secret in secrets:
            line = line.replace(secret, HIDDEN)
        line = _KEY.sub(HIDDEN, without_secrets(_LOGIN.sub(f"{HIDDEN}@", line)))[:_LOOKED_AT]
        return self.without_quotes(line)[:_MAX_CHARS]

    def without_quotes(self, line: str) -> str:
        """`line` without quotes from the texts: as they are, as servers write them, and by their
        letters and digits alone."""
        private = list(dict.fromkeys(form for text in self.texts for form in _quoted(text)))
        hidden = _quotes(line, private)
        letters = [(c, at) for at, char in enumerate(line) for c in _folded(char)]
        folded = "".join(c for c, _ in letters)
        private = [*self.texts, *self.secrets]
        plain = list(dict.fromkeys(_folded(_decoded(text)) for text in private))
        spans = [*_spans(_quotes(folded, plain)), *_short_quotes(letters, plain)]
        for first, last in spans:
            begin, end = letters[first][1], letters[last][1] + 1
            hidden[begin:end] = [True] * (end - begin)
        kept: list[str] = []
        for char, is_hidden in zip(line, hidden, strict=True):
            if not is_hidden:
                kept.append(char)
            elif kept[-1:] != [_LEFT_OUT]:
                kept.append(_LEFT_OUT)
        return "".join(kept)

    def _secret_forms(self) -> Iterator[str]:
        for secret in self.secrets:
            line = _one_line(secret)
            yield from (line, json.dumps(line)[1:-1], urllib.parse.quote(line, safe=""))


def _quotes(line: str, private: list[str]) -> list[bool]:
    """For each character of `line`, whether it is in a run that one of `private` holds."""
    # A run holds one of these whole, wherever it begins; most places are passed by a look-up.
    marks = {form[at : at + _MARK] for form in private for at in range(0, len(form), _MARK)}
    marked = [line[at : at + _MARK] in marks for at in range(len(line))]
    hidden = [False] * len(line)
    at = 0
    while at < len(line):
        run = _longest_run(line, at, private) if any(marked[at : at + _MARK]) else 0
        hidden[at : at + run] = [True] * run
        at += max(1, run)
    return hidden


def _spans(hidden: list[bool]) -> Iterator[tuple[int, int]]:
    """The first and last place of each run of True."""
    begin = None
    for at, is_hidden in enumerate([*hidden, False]):
        if is_hidden and begin is None:
            begin = at
        elif not is_hidden and begin is not None:
            yield begin, at - 1
            begin = None


def _short_quotes(letters: list[tuple[str, int]], private: list[str]) -> Iterator[tuple[int, int]]:
    """Where a whole text that is too short for a run stands as words of its own."""
    folded = "".join(c for c, _ in letters)
    for text in private:
        if not _SHORT <= len(text) < _RUN:
            continue
        for match in re.finditer(re.escape(text), folded):
            first, last = match.start(), match.end() - 1
            starts = first == 0 or letters[first][1] - letters[first - 1][1] > 1
            ends = last + 1 == len(letters) or letters[last + 1][1] - letters[last][1] > 1
            if starts and ends:
                yield first, last


def _folded(text: str) -> str:
    """The letters and digits of `text`, whatever their case."""
    return "".join(filter(str.isalnum, text.casefold()))


def _decoded(text: str) -> str:
    """`text` without the escapes of URLs, HTML and JSON's \\uXXXX."""
    text = html.unescape(urllib.parse.unquote(text))
    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)


def _longest_run(line: str, at: int, private: Iterable[str]) -> int:
    """How many characters from `at` stand in one of `private`, 0 for less than a run."""
    start, longest = line[at : at + _RUN], 0
    if len(start) < _RUN:
        return 0
    for form in private:
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
