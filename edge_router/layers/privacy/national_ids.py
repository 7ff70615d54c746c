"""Numbers that a state gives to a person, by country, with their checksums where there are any."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date

from edge_router.chat.private_data import PrivateKind

from .checksums import iso7064_11_10, luhn, verhoeff, weighted
from .finding import Finding

__all__ = ["COUNTRY_IDS", "national_ids"]

Check = Callable[[str], bool]


def _day(year: int, month: int, day: int) -> bool:
    """Whether there is such a day."""
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def _belgium(n: str) -> bool:
    """National register number: 97 minus the remainder, for those of 2000 on with a 2 before."""
    return any(97 - int(century + n[:9]) % 97 == int(n[9:]) for century in ("", "2"))


def _brazil(n: str) -> bool:
    """CPF: two digits modulo 11."""
    first = weighted(n, range(10, 1, -1)) * 10 % 11 % 10
    second = weighted(n, range(11, 1, -1)) * 10 % 11 % 10
    return n[9:] == f"{first}{second}" and len(set(n)) > 1


def _switzerland(n: str) -> bool:
    """AHV number: an EAN-13."""
    return (10 - weighted(n, (1, 3) * 6) % 10) % 10 == int(n[12])


def _china(n: str) -> bool:
    """Resident identity number (GB 11643): ISO 7064, MOD 11-2, and a day of birth."""
    rest = weighted(n, [2**power % 11 for power in range(17, 0, -1)]) % 11
    return "10X98765432"[rest] == n[17].upper() and _day(int(n[6:10]), int(n[10:12]), int(n[12:14]))


def _germany(n: str) -> bool:
    """Tax id: one digit two or three times among the first ten, and ISO 7064, MOD 11,10."""
    counts = sorted(n[:10].count(digit) for digit in set(n[:10]))
    return n[0] != "0" and counts[-1] in (2, 3) and len(counts) >= 8 and iso7064_11_10(n)


def _spain(n: str) -> bool:
    """DNI and NIE: the remainder by 23 is a letter."""
    number = n[:-1].upper().translate(str.maketrans("XYZ", "012"))
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23] == n[-1].upper()


def _finland(n: str) -> bool:
    """Personal identity code: the remainder by 31 is a letter or a digit."""
    return "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(n[:6] + n[7:10]) % 31] == n[10].upper()


def _france(n: str) -> bool:
    """Number of social security: 97 minus the remainder."""
    number = n[:13].upper().replace("2A", "19").replace("2B", "18")
    return number.isdigit() and 97 - int(number) % 97 == int(n[13:])


def _britain(n: str) -> bool:
    """NHS number, modulo 11; a National Insurance number has no check but its letters."""
    if not n.isdigit():
        return n[:2].upper() not in ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ")
    return (11 - weighted(n, range(10, 1, -1)) % 11) % 11 == int(n[9])


def _italy(n: str) -> bool:
    """Codice fiscale: its last letter follows from the others."""
    odd = dict(zip("0123456789", (1, 0, 5, 7, 9, 13, 15, 17, 19, 21), strict=True))
    letters = (
        1,
        0,
        5,
        7,
        9,
        13,
        15,
        17,
        19,
        21,
        2,
        4,
        18,
        20,
        11,
        3,
        6,
        8,
        12,
        14,
        16,
        10,
        22,
        25,
        24,
        23,
    )
    odd |= dict(zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", letters, strict=True))
    code = n.upper()
    total = sum(odd[one] for one in code[:15:2])
    total += sum(int(one, 36) - (0 if one.isdigit() else 10) for one in code[1:15:2])
    return chr(ord("A") + total % 26) == code[15]


def _netherlands(n: str) -> bool:
    """BSN: the test of eleven."""
    return (weighted(n, (9, 8, 7, 6, 5, 4, 3, 2)) - int(n[8])) % 11 == 0 and len(set(n)) > 2


def _poland(n: str) -> bool:
    """PESEL: weights 1, 3, 7, 9, and a month of its century."""
    check = (10 - weighted(n, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)) % 10) % 10
    return check == int(n[10]) and 1 <= int(n[2:4]) % 20 <= 12 and 1 <= int(n[4:6]) <= 31


def _sweden(n: str) -> bool:
    """Personnummer: Luhn over the last ten digits."""
    return luhn(n[-10:]) and 1 <= int(n[-8:-6]) <= 12 and 1 <= int(n[-6:-4]) % 60 <= 31


def _america(n: str) -> bool:
    """Social security number: there is no check, but there are numbers that are given to nobody."""
    return n[:3] not in ("000", "666") and n[0] != "9" and n[3:5] != "00" and n[5:] != "0000"


COUNTRY_IDS: dict[str, Sequence[tuple[str, Check]]] = {
    "be": ((r"[0-9]{2}\.?[0-9]{2}\.?[0-9]{2}[\- ]?[0-9]{3}\.?[0-9]{2}", _belgium),),
    "br": ((r"[0-9]{3}\.?[0-9]{3}\.?[0-9]{3}-?[0-9]{2}", _brazil),),
    "ch": ((r"756[. ]?[0-9]{4}[. ]?[0-9]{4}[. ]?[0-9]{2}", _switzerland),),
    "cn": ((r"[1-8][0-9]{5}(?:19|20)[0-9]{9}[0-9Xx]", _china),),
    "de": ((r"[1-9][0-9]{1}[ ]?[0-9]{3}[ ]?[0-9]{3}[ ]?[0-9]{3}", _germany),),
    "es": (
        (
            (
                r"(?:[0-9]{8}|[0-9]{2}\.[0-9]{3}\.[0-9]{3})[\- ]?[A-Za-z]"
                r"|[XYZxyz][\- ]?[0-9]{7}[\- ]?[A-Za-z]"
            ),
            _spain,
        ),
    ),
    "fi": ((r"[0-3][0-9][01][0-9]{3}[\-+A][0-9]{3}[0-9A-FHJ-NPR-Ya-fhj-npr-y]", _finland),),
    "fr": (
        (
            r"[12] ?[0-9]{2} ?[0-9]{2} ?(?:[0-9]{2}|2[ABab]) ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}",
            _france,
        ),
    ),
    "gb": (
        (r"[0-9]{3}[ \-]?[0-9]{3}[ \-]?[0-9]{4}", _britain),
        (
            r"(?i:[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z])(?: ?[0-9]{2}){3} ?(?i:[A-D])",
            _britain,
        ),
    ),
    "in": ((r"[2-9][0-9]{3}[ \-]?[0-9]{4}[ \-]?[0-9]{4}", verhoeff),),
    "it": (
        (
            r"(?i:[A-Z]{6}[0-9LMNP-V]{2}[ABCDEHLMPRST][0-9LMNP-V]{2}[A-Z][0-9LMNP-V]{3}[A-Z])",
            _italy,
        ),
    ),
    "nl": ((r"[0-9]{4}[. ]?[0-9]{2}[. ]?[0-9]{3}", _netherlands),),
    "pl": ((r"[0-9]{11}", _poland),),
    "se": ((r"(?:19|20)?[0-9]{6}[\-+]?[0-9]{4}", _sweden),),
    "us": (
        (r"[0-9]{3}[\- ][0-9]{2}[\- ][0-9]{4}", _america),
        (r"(?i:ssn|social security (?:number|no\.?))[:# ]{0,3}(?:is )?([0-9]{9})", _america),
    ),
}
_SEPARATORS = re.compile(r"[ .\-]")


def national_ids(countries: Sequence[str]) -> Callable[[str], Iterator[Finding]]:
    """A detector of the ids of these countries."""
    known = [
        (country, re.compile(rf"(?a)(?<![\w])(?:{pattern})(?![\w]|[.\-][0-9])"), check)
        for country in countries
        for pattern, check in COUNTRY_IDS[country]
    ]

    def detector(text: str) -> Iterator[Finding]:
        for country, pattern, check in known:
            for match in pattern.finditer(text):
                own = match.lastindex or 0
                written = match[own] if country == "fi" else _SEPARATORS.sub("", match[own])
                if check(written):
                    yield Finding(*match.span(own), PrivateKind.NATIONAL_ID, country)

    return detector
