"""Varied queries: the same question as other people would type it, to train against.

What surrounds a question says nothing of how hard it is: greetings, thanks, signatures, typing
errors, and random words in front or behind, which an attacker would search for.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["Variation"]

BEFORE = (
    "please ", "Please, ", "could you please ", "can you help me? ", "hi, ", "Hi! ", "hello ",
    "Hello there, ", "hey ", "Good morning. ", "Hey, quick question: ", "I have a question. ",
    "Question: ", "ok so ", "Dear assistant, ", "por favor, ", "Hola, ", "bitte ", "Hallo, ",
    "s'il te plaît, ", "Bonjour, ", "请", "你好，", "こんにちは。", "Здравствуйте! ", "Ciao, ",
    "I was wondering: ", "hi there!! ", "So, ", "User: ", "Q: ", "pls ", "hello, can u tell me: ",
)  # fmt: skip
BEHIND = (
    " please", " Thanks!", " thanks", " Thank you in advance.", " thx", " Thank you!", " please!!",
    "\n\nBest regards,\nMaria", "\n--\nJohn Smith\nSales Manager", "\nSent from my iPhone",
    "\n\nKind regards", " Gracias.", " Danke!", " merci", " 谢谢", " ありがとう", " спасибо",
    "?", "??", "...", " !", " :)", "\n", "  ", "\n\nCheers, Tom", " asap", " Please be brief.",
)  # fmt: skip
LETTERS = "abcdefghijklmnopqrstuvwxyz"
FEWEST_LETTERS = 30  # of a text with a typing error; in a shorter one the word might be lost
MOST_NOISE = 20  # random words in front or behind


class Variation:
    """Varies texts; equal seeds give equal texts.

    `words` are those that noise is made of. A `share` (0..1) of the texts is varied.
    """

    def __init__(self, words: Sequence[str], *, share: float, seed: Sequence[int]) -> None:
        self._words = words
        self._share = share
        self._random = np.random.default_rng(list(seed))

    def __call__(self, text: str) -> str:
        """`text`, perhaps varied."""
        random = self._random
        if random.random() >= self._share:
            return text
        way = random.random()
        if way < 0.45:
            return self._wrapped(text)
        if way < 0.65:
            return self._mistyped(text)
        return self._with_noise(text)

    def _wrapped(self, text: str) -> str:
        """With politeness in front, behind, or both."""
        random = self._random
        side = random.random()
        before = _one_of(BEFORE, random) if side < 0.7 else ""
        behind = _one_of(BEHIND, random) if side > 0.4 else ""
        if before and text[:1].isupper() and random.random() < 0.5:
            text = text[0].lower() + text[1:]
        return before + text + behind

    def _mistyped(self, text: str) -> str:
        """With one to three letters doubled, lost, swapped or wrong."""
        random = self._random
        if len(text) < FEWEST_LETTERS:
            return text
        for _ in range(int(random.integers(1, 4))):
            at = int(random.integers(1, len(text) - 1))
            if not (text[at].isalpha() and text[at + 1].isalpha()):
                continue
            letter = LETTERS[int(random.integers(len(LETTERS)))]
            here, following, rest = text[at], text[at + 1], text[at + 2 :]
            ways = (here * 2 + following, following, following + here, letter + following)
            text = text[:at] + ways[int(random.integers(len(ways)))] + rest
        return text

    def _with_noise(self, text: str) -> str:
        """With random words, or one of them many times, in front or behind."""
        random = self._random
        count = int(random.integers(1, MOST_NOISE + 1))
        places = random.integers(len(self._words), size=count)
        if random.random() < 0.3:
            places[:] = places[0]
        noise = " ".join(self._words[place] for place in places.tolist())
        return f"{noise} {text}" if random.random() < 0.5 else f"{text} {noise}"


def _one_of(texts: Sequence[str], random: np.random.Generator) -> str:
    return texts[int(random.integers(len(texts)))]
