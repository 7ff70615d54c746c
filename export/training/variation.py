"""Varied queries: the same question as other people would type it, to train against.

What surrounds a question says nothing of how hard it is: greetings, thanks, signatures, typing
errors, and random words in front or behind, which an attacker would search for.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["Variation"]

GREETINGS = (
    "hi", "Hi", "hello", "Hello there", "hey", "Hey!", "Good morning", "good evening",
    "Dear assistant", "Hi there!!", "greetings", "Hola", "¡Buenos días!", "Hallo", "Guten Tag",
    "Bonjour", "Salut", "Ciao", "Buongiorno", "Olá", "Bom dia", "Hej", "Merhaba", "Здравствуйте!",
    "Добрый день!", "你好，", "您好，", "こんにちは。", "안녕하세요.", "नमस्ते", "مرحبا",
)  # fmt: skip
REQUESTS = (
    "please", "Please,", "pls", "plz", "could you please", "can you help me?", "I need some help:",
    "would you mind:", "quick question:", "I have a question.", "Question:", "ok so", "So,", "Q:",
    "User:", "I was wondering:", "can u tell me:", "help me out here,", "one more thing:",
    "Kindly", "If you can:", "por favor,", "¿me ayudas?", "bitte", "Kannst du mir helfen?",
    "s'il vous plaît,", "Peux-tu m'aider ?", "per favore,", "por gentileza,", "пожалуйста,",
    "подскажите,", "请", "麻烦你，", "お願いします。", "부탁해요.",
)  # fmt: skip
BEHIND = (
    " please", " Thanks!", " thanks", " thanks a lot!!", " Thank you in advance.", " thx", " ty",
    " cheers", " Thank you so much for your help.", " please!!", "?", "??", "...", " !", " :)",
    "\n", "  ", " asap", " Please be brief.", " Any help is appreciated.", " Much appreciated",
    " I appreciate it.", " ¡Muchas gracias!", " gracias", " Vielen Dank!", " danke",
    " merci d'avance", " grazie mille", " obrigado", " спасибо большое", " 谢谢", " 多谢！",
    " ありがとう", " 고마워요",
)  # fmt: skip
CLOSINGS = (
    "Best", "Best wishes", "Kind regards", "Regards", "Sincerely", "Cheers", "Thanks", "Yours",
    "Warmly", "--", "—", "Viele Grüße", "Mit freundlichen Grüßen", "Cordialement", "Saludos",
    "Cordiali saluti", "Atenciosamente", "С уважением", "此致",
)  # fmt: skip
FIRST_NAMES = (
    "Maria", "John", "Tom", "Aisha", "Wei", "Priya", "Carlos", "Elena", "Mohammed", "Sophie",
    "Yuki", "Olga", "Kwame", "Lars", "Fatima", "Diego", "Hannah", "Ivan", "Grace", "Noah",
)  # fmt: skip
LAST_NAMES = (
    "Smith", "García", "Müller", "Rossi", "Chen", "Patel", "Kim", "Novak", "Dubois", "Silva",
    "Okafor", "Jensen", "Ivanova", "Tanaka", "Haddad", "Brown", "Kowalski", "Yilmaz",
)  # fmt: skip
FURTHER_LINES = (
    "Sales Manager", "Student", "Senior Engineer, Platform Team", "Marketing", "Dept. of Biology",
    "Sent from my iPhone", "Sent from my Galaxy", "Get Outlook for Android", "+1 555 010 2030",
    "Tel. 030 1234567", "www.example.com", "office@example.com", "Acme GmbH, Berlin", "he/him",
    "This message is confidential.", "Gesendet von meinem Handy", "Enviado desde mi móvil",
)  # fmt: skip
LETTERS = "abcdefghijklmnopqrstuvwxyz"
FEWEST_LETTERS = 30  # of a text with a typing error; in a shorter one the word might be lost
LETTERS_PER_TYPO = 35  # at least, in a text with many
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
        if way < 0.7:
            return self._mistyped(text)
        return self._with_noise(text)

    def _wrapped(self, text: str) -> str:
        """With a greeting or politeness in front, thanks or a signature behind, or both."""
        random = self._random
        side = random.random()
        before = self._opening() if side < 0.7 else ""
        behind = self._ending() if side > 0.4 else ""
        if before and text[:1].isupper() and random.random() < 0.5:
            text = text[0].lower() + text[1:]
        return before + text + behind

    def _opening(self) -> str:
        """A greeting, a request, or a greeting and a request."""
        random = self._random
        kind = random.random()
        greeting = "" if kind < 0.4 else _one_of(GREETINGS, random)
        request = "" if 0.4 <= kind < 0.7 else _one_of(REQUESTS, random)
        if greeting[-1:].isalpha():
            greeting += _one_of((",", "!", ".", ""), random)
        return f"{greeting} {request}".strip() + " "

    def _ending(self) -> str:
        """Thanks, or the signature of a mail."""
        random = self._random
        if random.random() < 0.45:
            return _one_of(BEHIND, random)
        name = _one_of(FIRST_NAMES, random)
        if random.random() < 0.6:
            name += f" {_one_of(LAST_NAMES, random)}"
        lines = [_one_of(FURTHER_LINES, random) for _ in range(int(random.integers(0, 3)))]
        closing = _one_of(CLOSINGS, random) + _one_of((",", ""), random)
        return "\n".join([_one_of(("", "\n"), random), closing, name, *lines])

    def _mistyped(self, text: str) -> str:
        """With some letters doubled, lost, swapped or wrong: one to three, more in a long text."""
        random = self._random
        if len(text) < FEWEST_LETTERS:
            return text
        most = max(3, len(text) // LETTERS_PER_TYPO)
        for _ in range(int(random.integers(1, most + 1))):
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
