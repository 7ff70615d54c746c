"""Checksums of numbers that people are known by: Luhn, ISO 7064, Verhoeff and weighted sums."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

__all__ = ["iso7064_11_10", "luhn", "mod_97", "rises_or_repeats", "verhoeff", "weighted"]


def luhn(digits: str) -> bool:
    """Cards, and numbers of Sweden (ISO/IEC 7812-1, annex B)."""
    odd, even = digits[-1::-2], digits[-2::-2]
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in even)
    return (sum(map(int, odd)) + sum(doubled)) % 10 == 0


def mod_97(account: str) -> bool:
    """An IBAN, letters and digits alone (ISO 7064, MOD 97-10)."""
    turned = account[4:] + account[:4]
    return int("".join(str(int(letter, 36)) for letter in turned)) % 97 == 1


def iso7064_11_10(digits: str) -> bool:
    """The hybrid system MOD 11,10: Germany's tax number."""
    rest = 10
    for digit in digits[:-1]:
        rest = (int(digit) + rest) % 10 or 10
        rest = 2 * rest % 11
    return (11 - rest) % 10 == int(digits[-1])


def weighted(digits: str, weights: Sequence[int]) -> int:
    """The sum of digits times weights, as many as there are weights."""
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False))


_TURN = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)
_PRODUCT = tuple(
    tuple((row + column) % 5 if row < 5 and column < 5
          else (row + column) % 5 + 5 if row < 5
          else (row - column) % 5 + 5 if column < 5
          else (row - column) % 5
          for column in range(10))
    for row in range(10)
)  # fmt: skip


def verhoeff(digits: str) -> bool:
    """India's Aadhaar: the dihedral group of order 10 (Verhoeff 1969)."""
    permutations = [tuple(range(10)), _TURN]
    for _ in range(6):
        permutations.append(tuple(_TURN[one] for one in permutations[-1]))
    check = 0
    for place, digit in enumerate(reversed(digits)):
        check = _PRODUCT[check][permutations[place % 8][int(digit)]]
    return check == 0


def rises_or_repeats(digits: str) -> bool:
    """Whether the digits are one run ("0000", "1234"), which people write as an example."""
    steps = {int(b) - int(a) for a, b in pairwise(digits)}
    return steps in ({0}, {1}, {-1})
