"""Is an answer right? Five metrics, each a plain rule that can be checked by reading it."""

from __future__ import annotations

import re

__all__ = ["INSTRUCTIONS", "MAX_TOKENS", "grade"]

INSTRUCTIONS = {
    "letter": "\n\nAnswer with the letter of the correct option only.",
    "number": "\n\nThink briefly, then end with: The answer is <number>.",
    "text": "",
    "exact": "",
    "first": "",
}
MAX_TOKENS = {"letter": 24, "number": 192, "text": 48, "exact": 48, "first": 48}


def grade(metric: str, answer: str, gold: str) -> float:
    """1.0 if `answer` is right, else 0.0. Raises KeyError for an unknown metric.

    `gold` is a letter, a number, accepted texts separated by "|", or "right|wrong".
    """
    return float(_METRICS[metric](answer, gold))


def _letter(answer: str, gold: str) -> bool:
    stated = re.search(r"(?i:answer|option|choice)\W+(?:(?i:is|option)\W+)*([A-J])\b", answer)
    match = stated or re.search(r"(?<![A-Za-z'])([A-J])(?![A-Za-z'])", answer)
    return match is not None and match.group(1) == gold.strip("() ")


def _number(answer: str, gold: str) -> bool:
    numbers = re.findall(r"-?\d[\d,]*(?:\.\d+)?", answer)
    return bool(numbers) and _value(numbers[-1]) == _value(gold)


def _value(number: str) -> float:
    return float(number.replace(",", "").replace("$", ""))


def _text(answer: str, gold: str) -> bool:
    """One of the accepted answers, separated by "|", stands in the text as whole words."""
    said = f" {_words(answer)} "
    return any(f" {_words(accepted)} " in said for accepted in gold.split("|"))


def _exact(answer: str, gold: str) -> bool:
    """The whole answer is one of those accepted, but for case, spaces and punctuation."""
    return _words(answer) in map(_words, gold.split("|"))


def _first(answer: str, gold: str) -> bool:
    """Of "right|wrong", the right one is named before the wrong one."""
    said = _words(answer)
    right, wrong = (said.find(_words(name)) for name in gold.split("|"))
    return right >= 0 and (wrong < 0 or right < wrong)


def _words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower().replace(",", "")))


_METRICS = {
    "letter": _letter,
    "number": _number,
    "text": _text,
    "exact": _exact,
    "first": _first,
}
