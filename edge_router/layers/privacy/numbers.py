"""Numbers that people are known by: cards, bank accounts and phones, with their checks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import accumulate, pairwise

from edge_router.chat.private_data import PrivateKind

from .checksums import luhn, mod_97, rises_or_repeats
from .finding import Finding
from .readable import readable, words_as_read
from .words.numbers import SPOKEN
from .words.phones import BETWEEN, PHONE
from .words.table import any_of, listed, stems

__all__ = ["card_pieces", "cards", "ibans", "phones"]

# Boundaries are of ASCII (?a): a number may stand right behind a word of Chinese.
_GAP = r"[ \t\r\n.,\-_/()]"
_RUN = re.compile(rf"(?<![A-Za-z0-9.])[0-9]+(?:{_GAP}{{1,3}}[0-9]+)*(?![A-Za-z0-9])")
_GROUP = re.compile("[0-9]+")

# A card's number begins as its network's do and is as long (ISO/IEC 7812, the networks' own lists).
_NETWORKS = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}"
    r"|3[47]\d{13}|6(?:011|5\d\d|4[4-9]\d)\d{12,15}|35(?:2[89]|[3-8]\d)\d{12}"
    r"|3(?:0[0-5]|[689]\d)\d{11}|62\d{14,17}|(?:50|5[6-8]|6[1-379])\d{11,17}|220[0-4]\d{12,15}"
)
_SPLITS = (
    (4, 4, 4, 4),
    (4, 6, 5),
    (4, 6, 4),
    (4, 4, 4, 4, 3),
    (4, 4, 4, 4, 2),
    (4, 4, 4, 1),
    (6, 13),
)
MOST_GROUPS, MOST_OTHERS = 19, 200
FIRST_DIGITS = "23456"


def cards(text: str) -> Iterator[Finding]:
    """Card numbers, whole or in groups, also of one digit each, whatever stands between them."""
    for run in _RUN.finditer(text):
        if _OF_GOODS.search(text, max(0, run.start() - 12), run.start()):
            continue
        groups = [(g.start(), g.end()) for g in _GROUP.finditer(text, run.start(), run.end())]
        yield from _cards_of(text, groups)


_OF_GOODS = re.compile(r"(?i)(?<![^\W_])(?:ean|isbn|gtin|upc|issn)(?:-?1[0-4])?[:# ]{0,3}$")
_CARD_WORDS = re.compile(
    r"(?i)(?<![^\W\d_])(?:(?:credit|debit|bank|kredit|giro|visa|master)?[ \-]?(?:cards?|karte|kort)"
    r"|visa|mastercard|maestro|amex|american express|carte|tarjeta|cart[aã]o|carta di credito"
    r"|creditcard|kaart|karta|pan)(?![^\W\d_])|"
    + words_as_read("карт(?:а|ы|у|е)")
    + "|信用卡|银行卡|卡号|カード|카드"
)
NEAR_WORD, MOST_PIECES = 160, 10  # characters behind a word for a card, and runs of digits there


def card_pieces(text: str) -> Iterator[Finding]:
    """A card behind a word for one whose groups have words, tags or other marks between them: "it
    starts with 4242 4242 and ends with 4242 4242"."""
    done = 0
    for word in _CARD_WORDS.finditer(text):
        if word.end() < done:
            continue
        found = _pieced(text, word.end(), word.end() + NEAR_WORD)
        if found is not None:
            done = found.end
            yield found


def _pieced(text: str, start: int, end: int) -> Finding | None:
    """The first runs of digits, of four at least each, that make a card together."""
    runs = [one.span() for one in _GROUP.finditer(text, start, end)][:MOST_PIECES]
    for first, run in enumerate(runs):
        if text[run[0]] not in FIRST_DIGITS:
            continue
        digits, sizes = "", list[int]()
        for one in runs[first:]:
            digits += text[slice(*one)]
            if one[1] - one[0] < 4 or len(digits) > 19:
                break
            sizes.append(one[1] - one[0])
            if _is_pieced(sizes) and is_card(digits):
                return Finding(run[0], one[1], PrivateKind.CARD)
    return None


def _is_pieced(sizes: list[int]) -> bool:
    """Whether pieces of these sizes are those of a card: its groups, some of them joined."""
    fours = sum(sizes) == 16 and not any(size % 4 for size in sizes)
    return fours or tuple(sizes) in _SPLITS or (len(sizes) == 1 and sizes[0] >= 13)


def _cards_of(text: str, groups: list[tuple[int, int]]) -> Iterator[Finding]:
    first = 0
    while first < len(groups):
        last = _card_from(text, groups, first)
        if last is not None:
            yield Finding(groups[first][0], groups[last][1], PrivateKind.CARD)
            first = last
        first += 1


def _card_from(text: str, groups: list[tuple[int, int]], first: int) -> int | None:
    """The last group of a card that begins with group `first`."""
    if text[groups[first][0]] not in FIRST_DIGITS:
        return None
    sizes = [end - start for start, end in groups[first : first + MOST_GROUPS]]
    for last, size in enumerate(accumulate(sizes), start=1):
        if size > 19:
            return None
        if size < 13:
            continue
        within = groups[first : first + last]
        written = _is_split(sizes[:last], others=len(groups) - last) and not _is_decimal(
            text, within
        )
        if not (written or _is_spelled(text, within, groups)):
            continue
        if is_card("".join(text[start:end] for start, end in within)):
            return first + last - 1
    return None


def _is_split(sizes: list[int], *, others: int) -> bool:
    """Whether people write a card in groups of these sizes; without `others` beside any will do."""
    return others == 0 or len(sizes) == 1 or tuple(sizes) in _SPLITS


def _is_decimal(text: str, within: list[tuple[int, int]]) -> bool:
    """Whether two groups are a number with its decimals, as those of e."""
    return len(within) == 2 and text[within[0][1] : within[1][0]] in (".", ",")


def _is_spelled(text: str, within: list[tuple[int, int]], groups: list[tuple[int, int]]) -> bool:
    """Whether it is written one digit or two at a time, all with the same blank or dash between."""
    sizes = [end - start for start, end in within]
    if len(groups) > MOST_OTHERS or max(sizes) > 2:
        return False
    if max(sizes) == 2 and (len({*sizes[:-1]}) > 1 or len(groups) > len(within)):
        return False  # a list of numbers
    gaps = {text[one[1] : other[0]] for one, other in pairwise(within)}
    return len(gaps) == 1 and gaps <= {" ", "-", ".", "_"}


def is_card(digits: str) -> bool:
    """By its network, its length and Luhn's check."""
    return bool(_NETWORKS.fullmatch(digits)) and luhn(digits) and len(set(digits)) > 1


# The lengths of accounts by country: SWIFT's IBAN registry, release 99.
_LENGTHS = {
    code: int(length)
    for length, codes in {
        "15": "NO", "16": "BE", "18": "DK FI FO GL NL SD FK", "19": "MK SI",
        "20": "AT BA EE KZ LT LU XK MN", "21": "CH HR LI LV",
        "22": "BG BH CR DE GB GE IE ME RS VA", "23": "AE GI IL IQ TL OM SO",
        "24": "AD CZ ES MD PK RO SA SE SK TN VG", "25": "LY PT ST", "26": "IS TR",
        "27": "BI DJ FR GR IT MC MR SM", "28": "AL AZ BY CY DO GT HN HU LB NI PL SV",
        "29": "BR EG PS QA UA", "30": "JO KW MU YE", "31": "MT SC", "32": "LC", "33": "RU",
    }.items()
    for code in codes.split()
}  # fmt: skip
_ACCOUNT = re.compile(r"(?:(?<![A-Za-z0-9])|(?<=iban)|(?<=IBAN))[A-Za-z]{2}[ \-]?[0-9]{2}")
_NO_CHECK = ("00", "01", "99")  # which no remainder gives
_BETWEEN = " \t\r\n-._/"


def ibans(text: str) -> Iterator[Finding]:
    """International bank accounts, whose remainder by 97 is 1; groups may be of any size."""
    for start in _ACCOUNT.finditer(text):
        length = _LENGTHS.get(start[0][:2].upper())
        if length is None:
            continue
        account, end = _collected(text, start.start(), length)
        followed = text[end : end + 1].isalnum() and text[end].isascii()
        digits = sum(letter.isdigit() for letter in account)
        if account[2:4] in _NO_CHECK:
            continue
        if len(account) == length <= 2 * digits and not followed and mod_97(account):
            yield Finding(start.start(), end, PrivateKind.IBAN)


def _collected(text: str, start: int, length: int) -> tuple[str, int]:
    """So many letters and digits from a place on, with two characters between them at most."""
    letters: list[str] = []
    place, end, gap = start, start, 0
    while place < len(text) and len(letters) < length and gap <= 2:
        letter = text[place]
        if letter.isascii() and letter.isalnum():
            letters.append(letter.upper())
            end, gap = place + 1, 0
        elif letter in _BETWEEN:
            gap += 1
        else:
            break
        place += 1
    return "".join(letters), end


# Phones: written internationally, or as people of a country write them at home.
_CODES = (  # ITU-T E.164, assigned country codes
    r"1|20|21[1-368]|2[2-6]\d|27|29[01789]|3[0-469]|35\d|37\d|38[0-35-79]|4[0134-9]|42[013]|50\d"
    r"|5[1-8]"
    r"|59\d|6[0-6]|67\d|68\d|69[0-2]|7|8[1246]|850|85[2356]|880|886|9[0-58]|96\d|97\d|99[2-68]"
)
_ABROAD = re.compile(
    rf"(?a)(?<![\w+])(?:\+(?=(?:{_CODES}))[1-9](?:[ \t.\-/()]{{0,3}}[0-9]){{6,14}}"
    rf"|(?<!-)00[ \-]?(?=(?:{_CODES}))[1-9](?:[ \-/()]{{0,2}}[0-9]){{8,14}})(?![0-9])"
)
_S = r"[ .\-]"
_AT_HOME = re.compile(
    r"(?a)(?<![\w.\-/+])(?<![0-9] )(?:"
    rf"(?:1{_S})?(?:\([2-9][0-9]{{2}}\) ?|[2-9][0-9]{{2}}{_S})"  # America
    rf"[2-9][0-9]{{2}}{_S}[0-9]{{4}}"
    rf"|\(0[1-9][0-9]{{0,4}}\) ?[0-9]{{2,8}}(?:[ \-][0-9]{{2,6}}){{0,4}}"  # (030) 123456
    r"|\([1-9][0-9]\) ?9?[0-9]{4}-[0-9]{4}"  # Brazil
    r"|0[1-9][0-9]{0,4}/[0-9]{3,8}(?:[ \-][0-9]{2,6}){0,3}"  # 0170/1234567
    r"|0[1-9][0-9]{0,4}(?:[ \-][0-9]{2,8}){1,5}"  # 020 7946 0958, 03-1234-5678
    r"|0[1-9](?:\.[0-9]{2}){4}"  # 06.12.34.56.78
    rf"|1[3-9][0-9]{_S}[0-9]{{4}}{_S}[0-9]{{4}}"  # China's mobiles
    r"|[6-9][0-9]{4}[ \-][0-9]{5}"  # India's mobiles
    r"|[679][0-9]{2}(?: [0-9]{2}){3}"  # Spain
    r"|3[0-9]{2} [0-9]{3} ?[0-9]{4}"  # Italy's mobiles
    r"|8 ?\(?9[0-9]{2}\)? ?[0-9]{3}[ \-][0-9]{2}[ \-][0-9]{2}"  # Russia's mobiles
    r")(?![\w\-/]|[ .][0-9])"
)
_BARE = re.compile(r"(?a)(?<![\w.+])\+?\(?[0-9](?:[ .\-/()]{0,3}[0-9]){6,14}(?![\w])")
_LETTER = r"[^\W\d_]"
_MARKS = r"(?:[^\w\n]|_){0,4}"
_WORD = any_of(PHONE, before=rf"(?<!{_LETTER})", behind=rf"(?:num(?:ber|mer)|n[or])?(?!{_LETTER})")
_SMALL = any_of(BETWEEN, before=rf"(?<!{_LETTER})", behind=rf"(?!{_LETTER})")
_INTRODUCED = re.compile(rf"(?i){_WORD}{_MARKS}(?:{_SMALL}{_MARKS}){{0,3}}$")
STEMS = stems(PHONE)
BEFORE = 40  # characters in which a word may introduce a number
_DATE = re.compile(
    r"(?:[0-3]?[0-9])[ ./\-][0-1]?[0-9][ ./\-](?:19|20)[0-9]{2}"
    r"|(?:19|20)[0-9]{2}(?: ?[ /\-] ?(?:19|20)[0-9]{2})+$"
)


def phones(text: str) -> Iterator[Finding]:
    """Phone numbers: with a country's code, in the form of a country, or behind a word for one."""
    lower = text.lower()
    patterns = [(_ABROAD, 8, 15), (_AT_HOME, 8, 12)]
    if any(stem in lower for stem in STEMS):
        patterns.append((_BARE, 7, 15))
        yield from _in_words(text, lower)
    for pattern, least, most in patterns:
        for match in pattern.finditer(text):
            start, end = match.span()
            digits = re.sub("[^0-9]", "", match[0]).removeprefix("00")
            if not least <= len(digits) <= most or rises_or_repeats(digits):
                continue
            if _DATE.match(match[0]) or (pattern is _BARE and not _is_introduced(text, start)):
                continue
            if pattern is _AT_HOME and _is_labelled(text, start):
                continue
            yield Finding(start, end, PrivateKind.PHONE)


_SAID = [[readable(word).text.lower() for word in listed(table)] for table in SPOKEN.values()]
_PLAIN = frozenset(word for words in _SAID for word in words if word.isalpha())
_NEXT = frozenset(  # who says two in a row, or backwards, may be counting
    pair for words in _SAID for a, b in pairwise(words) for pair in ((a, b), (b, a))
)
_LETTERS = re.compile(rf"{_LETTER}+")
_NUMBER = any_of(SPOKEN, before="")
_IN_WORDS = re.compile(
    rf"(?i)(?<!{_LETTER}){_NUMBER}(?:[ ,.\-]{{1,3}}{_NUMBER}(?!{_LETTER})){{5,15}}"
)


def _in_words(text: str, lower: str) -> Iterator[Finding]:
    """Six numbers in words and more behind a word for a phone, but for those of who counts."""
    plain = [word in _PLAIN for word in _LETTERS.findall(lower)]
    if not any(map(all, zip(plain, plain[1:], plain[2:], strict=False))):  # the cheaper question
        return
    for match in _IN_WORDS.finditer(text):
        said = _LETTERS.findall(match[0].lower())
        in_order = [pair in _NEXT for pair in pairwise(said)]
        is_counted = 2 * sum(in_order) > len(in_order)
        if not is_counted and len(set(said)) > 2 and _is_introduced(text, match.start()):
            yield Finding(*match.span(), PrivateKind.PHONE)


_LABEL = re.compile(
    r"(?i)(?<![^\W_])(?:nr|no|n°|nº|id|ref|order|invoice|ticket|case|isbn|issn|art|sku|rechnung|az|part)"
    r"[.:#]{0,2} ?$"
)


def _is_labelled(text: str, start: int) -> bool:
    """Whether it says that it is the number of something else: an invoice, a book."""
    return bool(_LABEL.search(text, max(0, start - 16), start)) and not _is_introduced(text, start)


def _is_introduced(text: str, start: int) -> bool:
    """Whether a word for a phone stands before a number."""
    return _INTRODUCED.search(text[max(0, start - BEFORE) : start]) is not None
