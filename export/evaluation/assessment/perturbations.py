"""Changes of a message that do not change what it asks for: politeness, greetings, typos, case."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from zlib import crc32

import numpy as np

__all__ = ["PERTURBATIONS", "Perturbation"]

Perturbation = Callable[[str, str], str]  # of a text and its language (ISO 639-1)

OTHERWISE = "en"
PLEASE = {
    "en": "Please ",
    "de": "Bitte ",
    "fr": "S'il te plaît, ",
    "es": "Por favor, ",
    "it": "Per favore, ",
    "pt": "Por favor, ",
    "nl": "Alsjeblieft, ",
    "ru": "Пожалуйста, ",
    "zh": "请问，",
    "ja": "お願いします。",
}
COULD_YOU = {
    "en": "Could you please help me with this? ",
    "de": "Könntest du mir bitte dabei helfen? ",
    "fr": "Pourrais-tu m'aider, s'il te plaît ? ",
    "es": "¿Podrías ayudarme con esto, por favor? ",
    "ru": "Не могли бы вы мне помочь? ",
    "zh": "你能帮帮我吗？",
}
GREETINGS = {
    "en": "Hi there! ",
    "de": "Hallo! ",
    "fr": "Bonjour ! ",
    "es": "¡Hola! ",
    "it": "Ciao! ",
    "pt": "Olá! ",
    "nl": "Hoi! ",
    "ru": "Привет! ",
    "zh": "你好！",
    "ja": "こんにちは。",
}
THANKS = {
    "en": " Thanks!",
    "de": " Danke!",
    "fr": " Merci !",
    "es": " ¡Gracias!",
    "it": " Grazie!",
    "pt": " Obrigado!",
    "nl": " Bedankt!",
    "ru": " Спасибо!",
    "zh": "谢谢！",
    "ja": "ありがとう。",
}
SIGNATURE = "\n\nBest regards,\nAnna Becker\nSent from my phone"
WORDS_PER_TYPO = 8
LETTERS_FOR_TYPO = 4  # a shorter word becomes another one


def _before(words: Mapping[str, str]) -> Perturbation:
    return lambda text, language: words.get(language, words[OTHERWISE]) + text


def _behind(words: Mapping[str, str]) -> Perturbation:
    return lambda text, language: text + words.get(language, words[OTHERWISE])


def _typos(text: str, language: str) -> str:  # noqa: ARG001 - letters are swapped in any of them
    """Two letters swapped inside one word of eight; the same text has the same typos."""
    random = np.random.default_rng(crc32(text.encode()))
    words = text.split(" ")
    long = [at for at, word in enumerate(words) if word.isalpha() and len(word) >= LETTERS_FOR_TYPO]
    count = min(len(long), max(1, len(words) // WORDS_PER_TYPO))
    for at in random.choice(long, count, replace=False).tolist() if long else ():
        word = words[at]
        first = int(random.integers(1, len(word) - 2))
        words[at] = word[:first] + word[first + 1] + word[first] + word[first + 2 :]
    return " ".join(words)


PERTURBATIONS: Mapping[str, Perturbation] = {
    "please in front": _before(PLEASE),
    "a polite question in front": _before(COULD_YOU),
    "a greeting in front": _before(GREETINGS),
    "typos": _typos,
    "lower case": lambda text, _: text.lower(),
    "upper case": lambda text, _: text.upper(),
    "thanks behind": _behind(THANKS),
    "a signature behind": lambda text, _: text + SIGNATURE,
    "blanks behind": lambda text, _: f"{text}  \n\n",
    "no mark at the end": lambda text, _: text.rstrip().rstrip(".?!。？！"),
}
