"""What no message may show: keys, passwords in URLs, and the words of the user."""

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
_PLACES = 8  # where the same words stand in a text, before it is enough
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
    """Makes the words of a server fit to be shown.

    `secrets` are replaced wherever they stand, `texts` are what the user asked: what is quoted
    from them is left out.
    """

    secrets: tuple[str, ...] = field(default=(), repr=False)
    texts: tuple[str, ...] = field(default=(), repr=False)

    def line(self, words: str) -> str:
        """`words` on one short line. It is cut only after that: half a key is too much."""
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
        """`line` without what it quotes from the texts: as they are, in any of the ways that
        servers write them, and by their letters and digits alone."""
        asked = list(dict.fromkeys(form for text in self.texts for form in _quoted(text)))
        hidden = _quotes(line, asked)
        letters = [(c, at) for at, char in enumerate(line) for c in _folded(char)]
        folded = "".join(c for c, _ in letters)
        asked = [*self.texts, *self.secrets]
        plain = list(dict.fromkeys(_folded(_decoded(text)) for text in asked))
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


def _quotes(line: str, asked: list[str]) -> list[bool]:
    """For each character of `line`, whether it is in a run that one of `asked` holds."""
    # A run holds one of these whole, wherever it begins; most places are passed by a look-up.
    marks = {form[at : at + _MARK] for form in asked for at in range(0, len(form), _MARK)}
    marked = [line[at : at + _MARK] in marks for at in range(len(line))]
    hidden = [False] * len(line)
    at = 0
    while at < len(line):
        run = _longest_run(line, at, asked) if any(marked[at : at + _MARK]) else 0
        hidden[at : at + run] = [True] * run
        at += max(1, run)
    return hidden


def _spans(hidden: list[bool]) -> Iterator[tuple[int, int]]:
    """The first and last place of each row of True."""
    begin = None
    for at, is_hidden in enumerate([*hidden, False]):
        if is_hidden and begin is None:
            begin = at
        elif not is_hidden and begin is not None:
            yield begin, at - 1
            begin = None


def _short_quotes(letters: list[tuple[str, int]], asked: list[str]) -> Iterator[tuple[int, int]]:
    """Where the whole of a text stands that is too short for a run, as words of its own."""
    folded = "".join(c for c, _ in letters)
    for text in asked:
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
