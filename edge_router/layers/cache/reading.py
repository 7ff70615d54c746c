"""A question as its words: normalised, stemmed, and with what in it decides what it asks."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from .frames import framed
from .lexicon import (
    CALENDAR,
    CASED,
    EMPTY,
    FORMS,
    IRREGULAR,
    LANGUAGES,
    NEGATIONS,
    NUMBERS,
    SAME,
    SCOPES,
    UNITS,
)
from .symbols import plain_signs, symbols

__all__ = ["Reading", "Word", "reading"]

_TOKENS = re.compile(
    r"\d+(?:[.,:]\d+)*|[^\W\d_](?:[\w'\-.&+#]*[\w+#])?|_\w+|[%$€£¥°]|[-+*/=<>^!|&]{1,3}"
)
_GLUED = re.compile(r"(?<![\w.])(\d+(?:[.,]\d+)*)([a-zA-Z]{1,4})\b")
_QUOTED = re.compile(
    "[\"\u201c\u201d`]([^\"\u201c\u201d`]{1,80})[\"\u201c\u201d`]|(?<!\\w)'([^']{1,80})'(?!\\w)"
)
_SENTENCE = re.compile(r"(?:^|[.!?:]\s+|\n)\W*(\w[\w'\-]*)")
_CODE = re.compile(r"\w*(?:[a-z0-9][A-Z]|_|\w\.\w|[A-Za-z]\d|\d[A-Za-z])\w*")
_ENDINGS = (
    ("ies", "y"), ("sses", "ss"), ("ches", "ch"), ("shes", "sh"), ("xes", "x"), ("ing", ""),
    ("edly", ""), ("ed", ""), ("ly", ""), ("s", ""),
)  # fmt: skip
_CONTRACTIONS = {
    "won't": "will not", "can't": "can not", "cannot": "can not", "shan't": "shall not",
    "ain't": "is not", "let's": "let us", "what's": "what is", "who's": "who is",
    "where's": "where is", "how's": "how is", "when's": "when is", "why's": "why is",
    "that's": "that is", "it's": "it is", "there's": "there is", "here's": "here is",
    "he's": "he is", "she's": "she is", "i'm": "i am", "i'd": "i would", "whats": "what is",
    "dont": "do not", "doesnt": "does not", "cant": "can not", "wont": "will not",
    "didnt": "did not", "isnt": "is not",
}  # fmt: skip
_PHRASES = (
    ("less expensive", "cheaper"), ("least expensive", "cheapest"), ("not expensive", "cheap"),
    ("turn on", "enable"), ("turn off", "disable"), ("switch on", "enable"),
    ("switch off", "disable"), ("set up", "install"), ("get rid of", "remove"),
    ("rid of", "remove"), ("take in", "absorb"), ("give off", "emit"), ("as well as", "and"),
    ("put out", "extinguish"),
)  # fmt: skip
_SIGNS = {"%": "percent", "$": "dollars", "€": "euros", "£": "sterling", "¥": "yen"}
LETTERS = {
    "l": "litre", "g": "gram", "m": "metre", "s": "second-unit", "h": "hour", "k": "kelvin",
    "c": "celsius", "f": "fahrenheit",
}  # fmt: skip
_SHORT = (("n't", " not"), ("'re", " are"), ("'ve", " have"), ("'ll", " will"), ("'d", " would"))
ROLES = frozenset(
    "from to into onto by than over for of with in on at against between before after under versus "
    "vs through about as off without".split()
)


@dataclass(frozen=True, slots=True)
class Word:
    """One word: in lower case, its stem, the stem of all words that ask the same, the preposition
    before it, and whether it is empty, or names something."""

    text: str
    stem: str
    sense: str
    role: str
    is_empty: bool
    is_name: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """A question, read. Counts are of canonical words; `asks` is the kind of its question word.
    `numbers` are with their units, `bare_numbers` those without one in their order; `symbols` are
    operators, options as a command line has them, emoji; `cased` are short words as they are
    written, where capitals may say what is meant: "mW" and "MW"."""

    words: tuple[Word, ...]
    numbers: Counter[str]
    bare_numbers: tuple[str, ...]
    units: tuple[str, ...]
    dates: frozenset[str]
    languages: frozenset[str]
    scopes: frozenset[str]
    forms: frozenset[str]
    negations: int
    asks: frozenset[str]
    quoted: frozenset[str]
    symbols: tuple[str, ...]
    cased: frozenset[str]

    @property
    def content(self) -> tuple[Word, ...]:
        """The words that are not empty."""
        return tuple(one for one in self.words if not one.is_empty)


@lru_cache(maxsize=256)
def reading(text: str) -> Reading:
    """Read a question of at most some hundred characters."""
    signed = plain_signs(text)
    straight = unicodedata.normalize("NFKC", signed).replace("\u2019", "'")
    plain = framed(_GLUED.sub(r"\1 \2", straight))
    quoted = frozenset(" ".join((a or b).casefold().split()) for a, b in _QUOTED.findall(plain))
    first = {match.start(1) for match in _SENTENCE.finditer(plain)}
    spelled = [
        (word, match.group(), match.start() in first)
        for match in _TOKENS.finditer(plain)
        for word in _expanded(match.group())
    ]
    spelled = _without_phrases(spelled)
    lower = [word for word, _, _ in spelled]
    values = [_number(word, before) for word, before in zip(lower, ["", *lower], strict=False)]
    units = [_unit(after, value) for after, value in zip([*lower[1:], ""], values, strict=False)]
    measured = [*zip(values, units, strict=True)]
    words = tuple(_words(spelled, values))
    joined = f" {' '.join(lower)} "
    return Reading(
        words,
        Counter(f"{value} {unit}" for value, unit in measured if value),
        tuple(value for value, unit in measured if value and not unit),
        tuple(_units(lower)),
        frozenset(CALENDAR[word] for word in lower if word in CALENDAR),
        frozenset(word for word in lower if word in LANGUAGES),
        frozenset(SCOPES[word] for word in lower if word in SCOPES),
        frozenset(_forms(lower)),
        sum(word in NEGATIONS or word.startswith("non-") for word in lower),
        _asks(joined),
        quoted,
        symbols(signed),
        frozenset(_cased(spelled)),
    )


def _cased(spelled: list[tuple[str, str, bool]]) -> Iterator[str]:
    """Words that mean something else with other capitals, of a text that has small letters and
    capitals; units of measure ("Gb") where they have a capital themselves."""
    whole = "".join(written for _, written, _ in spelled)
    if whole.islower() or whole.isupper():
        return
    for word, written, is_first in spelled:
        is_plain = (is_first and written.istitle()) or (len(word) == 2 and written.islower())
        if word in CASED and not is_plain:
            yield written


def _expanded(token: str) -> list[str]:
    """A token in lower case, contractions written out; a possessive loses its ending."""
    word = _SIGNS.get(token) or token.casefold()
    if word in _CONTRACTIONS:
        return _CONTRACTIONS[word].split()
    for ending, meant in _SHORT:
        if word.endswith(ending):
            return (word.removesuffix(ending) + meant).split()
    word = word.removesuffix("'s").removesuffix("'")
    if "-" in word and word not in FORMS and word not in UNITS:
        return [part for part in word.split("-") if part] or [word]
    return [word]


def _without_phrases(spelled: list[tuple[str, str, bool]]) -> list[tuple[str, str, bool]]:
    """Verbs of two words as one, also where their object stands between ("turn the light off")."""
    lower = [word for word, _, _ in spelled]
    for phrase, meant in _PHRASES:
        first, *rest = phrase.split()
        for at in range(len(lower)):
            if lower[at] != first:
                continue
            if lower[at : at + 1 + len(rest)] == [first, *rest]:
                spelled = [
                    *spelled[:at],
                    (meant, meant, spelled[at][2]),
                    *spelled[at + 1 + len(rest) :],
                ]
            elif first in ("turn", "switch") and lower[-1] == rest[0]:
                spelled = [*spelled[:at], (meant, meant, spelled[at][2]), *spelled[at + 1 : -1]]
            else:
                continue
            return _without_phrases(spelled)
    return spelled


def _number(word: str, before: str) -> str:
    """A number in digits, "" for none. "second" is one only as an ordinal."""
    if word[0].isdigit():
        digits = word.replace(",", "") if re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?", word) else word
        return (
            (digits.replace(",", ".").rstrip("0").rstrip(".") or "0") if "." in digits else digits
        )
    if word == "second" and before in ("per", "a", "each", "every", "one"):
        return ""
    return NUMBERS.get(word, "")


def _unit(word: str, value: str) -> str:
    """The unit that a number is of, by the word after it."""
    return (UNITS.get(word) or LETTERS.get(word, "")) if value else ""


def _units(words: list[str]) -> Iterator[str]:
    for place, word in enumerate(words):
        before = words[place - 1] if place else ""
        if word in ("am", "pm") and not before[:1].isdigit():
            continue
        if word in ("year", "day", "month", "season") and before in ("which", "what", "the"):
            continue
        if word in UNITS and not (word in ("bit", "yard", "stone") and before in ("a", "the")):
            yield UNITS[word]
        elif word in LETTERS and before[:1].isdigit():
            yield LETTERS[word]


def _forms(words: list[str]) -> Iterator[str]:
    """What form of an answer is asked for."""
    for place, word in enumerate(words):
        before = words[place - 1] if place else ""
        if word in FORMS and FORMS[word] != "word" and before not in NO_FORM:
            yield FORMS[word]
        elif word in ("list", "steps", "points") and _is_form(words[max(0, place - 2) : place]):
            yield f"{word}-form"
        elif (
            word in ("words", "word")
            and place
            and (words[place - 1][0].isdigit() or words[place - 1] in ("one", *NUMBERS))
        ):
            yield "word"


def _is_form(before: list[str]) -> bool:
    """Whether a list is what shall be written: "as a list", "in steps", but not "sort a list"."""
    return before[-1:] in (["as"], ["in"], ["numbered"]) or (
        before[-1:] == ["a"] and before[0] in GIVES_FORM
    )


GIVES_FORM = frozenset("give me us make write create as in with into provide".split())
NO_FORM = frozenset(("how", "so", "as", "too", "this", "that", "my", "following"))
ASKS = (
    ("how many", ("how many", "number of", "count of", "quantity of", "how much", "amount of",
                  "price of", "cost of")),
    ("how long", ("how long", "duration", "what time does it take")),
    ("how far", ("how far", "what distance", "distance between", "distance from")),
    ("how often", ("how often", "how frequently", "what interval", "how regularly")),
    ("how old", ("how old", "what age", "at which age")),
    ("how big", ("how big", "how large", "how tall", "how high", "how heavy", "what size")),
    ("when", (
        "what time", "what year", "which year", "what date", "which date", "what day",
        "which day", "what month", "which month", "best time", "right time",
    )),
    ("where", ("what place", "which place", "what location", "which location")),
    ("why", ("why", "reason", "reasons", "what makes", "what made", "what cause", "what caused",
             "how come", "what for")),
    ("who", ("whom", "whose", "which person", "what person", "author of", "inventor of")),
)  # fmt: skip


AUXILIARIES = frozenset(
    "is are am was were do does did can could may might should would will shall must has "
    "have".split()
)
MANNER = (
    *(f" how {word} " for word in (*sorted(AUXILIARIES), "to")),
    *(" is there a way ", " the way to ", " a way to ", " what way ", " steps to ", " steps for "),
)
ASKED_AFTER = frozenset(("", "me", "know", "explain", "out", "tell", "say", "and", "by", "to"))
POLITE = (" can you ", " could you ", " would you ", " do you ", " will you ", " may i ask ")


def _asks(joined: str) -> frozenset[str]:
    """The kinds of question words; "how" of a manner and "whether" only where there is no other."""
    kinds = {kind for kind, phrases in ASKS if any(f" {one} " in joined for one in phrases)}
    words = joined.split()
    for before, word, after in zip(["", *words], words, [*words[1:], ""], strict=False):
        if word in ("when", "where", "who") and (before in ASKED_AFTER or after in AUXILIARIES):
            kinds.add(word)  # no conjunction
    if not kinds and any(phrase in joined for phrase in MANNER):
        kinds.add("how")
    first = joined.split(maxsplit=1)[:1]
    if not kinds and first and first[0] in AUXILIARIES and not joined.startswith(POLITE):
        kinds.add("whether")
    return frozenset(kinds)


def _words(spelled: list[tuple[str, str, bool]], values: list[str]) -> Iterator[Word]:
    role = ""
    before = ["", *values]
    for (word, written, is_first), value, number in zip(spelled, values, before, strict=False):
        if word in ROLES:
            role = word
        if not word[0].isalnum() and word[0] != "_":
            continue
        if value:
            continue
        stem = _stem(word)
        sense = SAME.get(word) or SAME.get(stem) or stem
        is_written_as_name = (not is_first and written[0].isupper()) or _is_code(written)
        is_name = is_written_as_name and word not in ("i", "ok")
        is_compared = word in SCOPES or word in UNITS or word in CALENDAR  # by guards of their own
        is_empty = is_compared or (
            not is_name and (word in EMPTY or (word in LETTERS and number != ""))
        )
        yield Word(word, stem, _stem(sense), role, is_empty, is_name)
        if not is_empty:
            role = ""


def _is_code(written: str) -> bool:
    return bool(_CODE.fullmatch(written)) or (len(written) > 1 and written.isupper())


@lru_cache(maxsize=4096)
def _stem(word: str) -> str:
    """A light stem: plural, -ing, -ed, -ly, a doubled letter, a final e."""
    if word in IRREGULAR:
        word = IRREGULAR[word]
    elif len(word) > 3 and word.isascii():
        for ending, instead in _ENDINGS:
            if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
                word = word.removesuffix(ending) + instead
                break
        if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeioulsz":
            word = word[:-1]
    return word.rstrip("e") if len(word) > 3 else word
