"""Cheap guards: what makes two questions ask different things, however alike their words are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Literal

from .lexicon import OPPOSITES
from .reading import Reading, Word

__all__ = ["Difference", "difference", "matches", "same_words"]

Difference = Literal[
    "language", "number", "unit", "date", "format", "negation", "quotation", "question", "opposite",
    "scope", "name", "direction", "symbol", "capitals",
]  # fmt: skip
"""What two questions differ in."""

DENIES = ("un", "in", "im", "il", "ir", "non", "dis", "de")
HARD_SCOPES = frozenset("only except first last next previous both either half never".split())
LEAST_PREFIX = 4  # letters that Italy and Italian share
LEAST_TYPO, LEAST_TRANSPOSED = 5, 3  # letters
FRONTED = frozenset("in at on for when if during after before by with to under within".split())
ORDERLESS = frozenset(("between", "vs", "versus"))  # "between A and B" is between B and A
ACRONYM = (2, 6)  # letters
ENGLISH = frozenset(
    "the of is are do does did how what which who when where why can should my your for with to "
    "and a an me i it be there please from that this you at by was were has have will "
    "about into than as or not no give write tell show make name list explain its up does "
    "define translate convert fix compare suggest recommend summarize describe best between "
    "meaning synonym antonym price height population distance they we our people".split()
)
ENGLISH_SHARE = 0.15


def difference(asked: Reading, kept: Reading) -> Difference | None:
    """The first thing in which two questions differ for certain; None where nothing says so."""
    return next((name for name, differs in GUARDS if differs(asked, kept)), None)


def same_words(asked: Reading, kept: Reading) -> bool:
    """Whether both are the same words in the same order, apart from case and punctuation."""
    return _texts(asked) == _texts(kept)


def matches(word: Word, others: Sequence[Word]) -> bool:
    """Whether a word is among others: as it is, as another form of it, mistyped, or as a word that
    asks the same."""
    return any(
        word.text == one.text or _is_transposed(word.text, one.text)
        if one.is_empty and not word.is_empty
        else _is_alike(word, one)
        for one in others
    )


def _is_transposed(word: str, other: str) -> bool:
    """Two letters that have changed places, as in "teh"."""
    return (
        len(word) == len(other) >= LEAST_TRANSPOSED
        and word[0] == other[0]
        and sorted(word) == sorted(other)
    )


def _is_alike(word: Word, other: Word) -> bool:
    return (
        word.stem == other.stem
        or word.sense == other.sense
        or _is_typo(word.stem, other.stem)
        or _is_transposed(word.text, other.text)
    )


def _texts(one: Reading) -> list[str]:
    return [word.text for word in one.words]


def _is_typo(word: str, other: str) -> bool:
    """Whether one letter was added, left out or taken for another, but not the first one."""
    if min(len(word), len(other)) < LEAST_TYPO or not (word + other).isalpha():
        return False
    if abs(len(word) - len(other)) > 1:
        return False
    start = len(_prefix(word, other))
    end = min(len(_prefix(word[::-1], other[::-1])), min(len(word), len(other)) - start)
    return start > 0 and max(len(word), len(other)) - start - end <= 1


def _in_other_languages(asked: Reading, kept: Reading) -> bool:
    """The words of the guards are English: of other languages only the same words match."""
    return not (same_words(asked, kept) or (_is_english(asked) and _is_english(kept)))


def _is_english(one: Reading) -> bool:
    texts = _texts(one)
    known = sum(text in ENGLISH for text in texts)
    return known >= max(1.0, ENGLISH_SHARE * len(texts))


def _is_cased_otherwise(asked: Reading, kept: Reading) -> bool:
    """Polish and polish, mW and MW."""
    return any(
        one != other and one.casefold() == other.casefold()
        for one in asked.cased
        for other in kept.cased
    )


def _other_question(asked: Reading, kept: Reading) -> bool:
    return bool(asked.asks and kept.asks and not asked.asks & kept.asks)


def _quotes_other(asked: Reading, kept: Reading) -> bool:
    return bool(asked.quoted and kept.quoted and asked.quoted != kept.quoted)


def _is_opposite(asked: Reading, kept: Reading) -> bool:
    ours, theirs = _all_forms(asked), _all_forms(kept)
    if _denied(asked, kept) or _denied(kept, asked):
        return True
    for left, right in OPPOSITES:
        sides = tuple((bool(left & one), bool(right & one)) for one in (ours, theirs))
        if sides in _CONTRARY:
            return True
    return False


def _denied(asked: Reading, kept: Reading) -> bool:
    """Whether a word of one is a word of the other behind "un-": edible and inedible."""
    ours, theirs = ({word.text for word in one.content} for one in (asked, kept))
    return any(f"{prefix}{word}" in theirs - ours for word in ours - theirs for prefix in DENIES)


_CONTRARY = {
    ((True, False), (False, True)), ((False, True), (True, False)),
    ((True, True), (False, True)), ((True, True), (True, False)),
    ((False, True), (True, True)), ((True, False), (True, True)),
}  # fmt: skip


def _all_forms(one: Reading) -> frozenset[str]:
    return frozenset(form for word in one.words for form in (word.text, word.stem))


def _other_scope(asked: Reading, kept: Reading) -> bool:
    apart = asked.scopes ^ kept.scopes
    return bool(apart & HARD_SCOPES) or {"all", "some"} <= apart


def _names_other(asked: Reading, kept: Reading) -> bool:
    return _misses_a_name(asked, kept) or _misses_a_name(kept, asked)


def _misses_a_name(one: Reading, other: Reading) -> bool:
    names = [word for word in one.words if word.is_name]
    return any(
        _is_counted(name, other)
        or (
            not (
                matches(name, other.words) or _is_related(name, other) or _is_short_for(name, other)
            )
            and not _is_spelled_out(name, one, other)
        )
        for name in names
    )


def _is_counted(name: Word, other: Reading) -> bool:
    """Alien and Aliens, HTTP and HTTPS: names with an s more or less name something else."""
    texts = {word.text for word in other.words if word.is_name}
    return name.text not in texts and not texts.isdisjoint(
        (f"{name.text}s", name.text.removesuffix("s"))
    )


def _is_related(name: Word, other: Reading) -> bool:
    """Italy and Italian."""
    return any(
        len(shared := _prefix(name.stem, word.stem)) >= LEAST_PREFIX
        and len(shared) >= 0.6 * max(len(name.stem), len(word.stem))
        for word in other.words
        if word.is_name
    )


def _prefix(one: str, other: str) -> str:
    length = next(
        (at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
        min(len(one), len(other)),
    )
    return one[:length]


def _is_short_for(name: Word, other: Reading) -> bool:
    """USA and United States of America."""
    low, high = ACRONYM
    letters = name.text.replace(".", "")
    initials = "".join(word.text[0] for word in other.words)
    return low <= len(letters) <= high and letters in initials and not matches(name, other.words)


def _is_spelled_out(name: Word, one: Reading, other: Reading) -> bool:
    """One of the words that an acronym of the other question stands for."""
    place = one.words.index(name)
    low, high = ACRONYM
    for word in other.words:
        if not (word.is_name and low <= len(word.text) <= high):
            continue
        for start in range(max(0, place - len(word.text) + 1), place + 1):
            run = one.words[start : start + len(word.text)]
            if "".join(each.text[0] for each in run) == word.text:
                return True
    return False


def _is_turned_round(asked: Reading, kept: Reading) -> bool:
    """The same words in another order, or two words that have changed places: around prepositions,
    or around a verb that is passive in neither."""
    if not asked.numbers and asked.units == kept.units[::-1] != kept.units:
        wanted = _counted(asked)
        return not wanted or wanted != _counted(kept)  # how many ounces in a pound
    if ORDERLESS & {*_texts(asked)} & {*_texts(kept)}:
        return False
    ours, theirs = [one.stem for one in asked.words], [one.stem for one in kept.words]
    if ours != theirs and sorted(ours) == sorted(theirs):
        return not _is_fronted(ours, theirs)
    if _FORMS_OF_BE.isdisjoint([*_texts(asked), *_texts(kept)]) and (
        _bare_pairs(asked) & {(y, x) for x, y in _bare_pairs(kept)}
    ):
        return True
    roles, others = _roles(asked), _roles(kept)
    shared = [sense for sense in roles if sense in others]
    if any({roles[one], others[one]} in _CONTRARY_ROLES for one in shared):
        return True
    return any(
        roles[x] == others[y] and roles[y] == others[x] and roles[x] != roles[y]
        for place, x in enumerate(shared)
        for y in shared[:place]
    )


def _counted(one: Reading) -> str:
    """The unit that is asked for: "how many ounces"."""
    return next((after for word, after in pairwise(_texts(one)) if word == "many"), "")


_CONTRARY_ROLES = ({"from", "to"}, {"from", "into"}, {"for", "against"})
_FORMS_OF_BE = frozenset("is are was were am be been being".split())


def _bare_pairs(one: Reading) -> set[tuple[str, str]]:
    """Senses of words that follow each other without a preposition between or before."""
    content = one.content
    return {
        (first.sense, second.sense)
        for first, second in pairwise(content)
        if not (first.role or second.role)
    }


def _is_fronted(ours: list[str], theirs: list[str]) -> bool:
    """Whether one is the other with its last phrase in front: "at night, do plants ..."."""
    for at in range(1, len(ours)):
        if ours[at:] + ours[:at] == theirs:
            return ours[at] in FRONTED or ours[0] in FRONTED
    return False


def _roles(one: Reading) -> dict[str, str]:
    """The preposition before each word, where a word stands once."""
    roles: dict[str, str] = {}
    twice: set[str] = set()
    for word in one.content:
        if word.sense in roles:
            twice.add(word.sense)
        roles[word.sense] = word.role
    return {sense: role for sense, role in roles.items() if sense not in twice}


Guard = Callable[[Reading, Reading], bool]
GUARDS: tuple[tuple[Difference, Guard], ...] = (
    ("unit", lambda a, b: {*a.units} != {*b.units}),
    ("number", lambda a, b: a.numbers != b.numbers or a.bare_numbers != b.bare_numbers),
    ("date", lambda a, b: a.dates != b.dates),
    ("format", lambda a, b: a.forms != b.forms or a.languages != b.languages),
    ("negation", lambda a, b: a.negations != b.negations),
    ("symbol", lambda a, b: a.symbols != b.symbols),
    ("capitals", _is_cased_otherwise),
    ("quotation", _quotes_other),
    ("question", _other_question),
    ("opposite", _is_opposite),
    ("scope", _other_scope),
    ("name", _names_other),
    ("direction", _is_turned_round),
    ("language", _in_other_languages),
)
