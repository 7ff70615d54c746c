"""Guards: what makes two questions ask different things, by kinds; and what does not."""

from __future__ import annotations

import pytest

from edge_router.layers.cache.guards import difference, same_words
from edge_router.layers.cache.reading import reading


def between(asked: str, kept: str) -> str | None:
    """What differs, from either side."""
    one, other = reading(asked), reading(kept)
    assert (difference(one, other) is None) == (difference(other, one) is None)
    return difference(one, other)


@pytest.mark.parametrize(
    ("kind", "asked", "kept"),
    [
        ("number", "Convert 5 miles to kilometres", "Convert 7 miles to kilometres"),
        ("number", "Who was the second king?", "Who was the third king?"),
        ("number", "What is 1,000 times 3?", "What is 10,000 times 3?"),
        ("number", "What is 3 minus 7?", "What is 7 minus 3?"),
        ("number", "Add 2 kg of salt to 3 litres.", "Add 3 kg of salt to 2 litres."),
        ("symbol", "What is 7/3?", "What is 7-3?"),
        ("symbol", "What does sort -R do?", "What does sort -r do?"),
        ("unit", "How heavy is 3 kg of this?", "How heavy is 3 lb of this?"),
        ("unit", "Wake me up at 7 am.", "Wake me up at 7 pm."),
        ("date", "What is on in June?", "What is on in July?"),
        ("date", "Is the shop open on Monday?", "Is the shop open on Sunday?"),
        ("format", "Explain rain in one sentence.", "Explain rain as a table."),
        ("format", "Write about rain in French.", "Write about rain in German."),
        ("negation", "Which birds can fly?", "Which birds cannot fly?"),
        ("negation", "Is it true that I'm late?", "Isn't it true that I'm late?"),
        ("symbol", "What does a <= b mean?", "What does a < b mean?"),
        ("symbol", "What does 🙃 mean?", "What does 😭 mean?"),
        ("symbol", "Translate 🇫🇷 to text", "Translate 🇩🇪 to text"),
        ("symbol", "What is 8 - 4 / 2?", "What is 8 / 4 - 2?"),
        ("symbol", "What is (2+3)*4?", "What is 2+(3*4)?"),
        ("symbol", "What does {} mean in Python?", "What does [] mean in Python?"),
        ("symbol", "What does ~ do in bash?", "What does ! do in bash?"),
        ("symbol", "What does $? mean?", "What does $! mean?"),
        ("symbol", r"What does \d match?", r"What does \D match?"),
        ("symbol", "What is 3! ?", "What is 3 ?"),
        ("symbol", "what is -5 + 3", "what is 5 + 3"),
        ("symbol", "दिन का अर्थ क्या है", "दान का अर्थ क्या है"),
        ("number", "What is 5²?", "What is 52?"),
        ("number", "What is 1½ + 2?", "What is 11/2 + 2?"),
        ("capitals", "What is polish made of?", "What is Polish made of?"),
        ("capitals", "mW to W", "MW to W"),
        ("opposite", "even numbers to 20", "odd numbers to 20"),
        ("opposite", "who is the ceo of apple", "who was the ceo of apple"),
        ("opposite", "can I return it within 30 days", "can I return it after 30 days"),
        ("opposite", "is the shop open until 8", "is the shop open from 8"),
        ("opposite", "uppercase a string in python", "lowercase a string in python"),
        ("direction", "how many ounces in a pound", "how many pounds in an ounce"),
        ("direction", "a letter to my boss", "a letter from my boss"),
        ("quotation", 'What does "alpha" mean?', 'What does "omega" mean?'),
        ("question", "When was it built?", "Where was it built?"),
        ("question", "How do I change the oil?", "How often do I change the oil?"),
        ("question", "Can I freeze soup?", "How long can I freeze soup?"),
        ("opposite", "How do I enable it?", "How do I disable it?"),
        ("opposite", "Do I eat before the swim?", "Do I eat after the swim?"),
        ("opposite", "Turn the radio on.", "Turn the radio off."),
        ("opposite", "Is it cheaper by bus?", "Is it more expensive by bus?"),
        ("scope", "Delete all the mails.", "Delete only the first of the mails."),
        ("scope", "Who was the first king?", "Who was the last king?"),
        ("name", "Who directed Alien?", "Who directed Aliens?"),
        ("name", "Explain HTTP to a child", "Explain HTTPS to a child"),
        ("name", "Where is Paris?", "Where is Madrid?"),
        ("name", "What does the flag use_cache do?", "What does the flag use_disk do?"),
        ("name", "How do I exit in Python?", "How do I exit in Rust?"),
        ("direction", "A train from Rome to Paris, please", "A train from Paris to Rome, please"),
        ("direction", "Can dogs bite cats?", "Can cats bite dogs?"),
        ("direction", "Can tenants sue landlords here?", "May landlords sue tenants?"),
        ("language", "wie warm ist es", "wie kalt ist es"),
        ("language", "天空为什么是蓝色的", "天空为什么是红色的"),
    ],
)  # fmt: skip
def test_each_kind_of_difference_is_seen(kind: str, asked: str, kept: str) -> None:
    """From either side."""
    assert between(asked, kept) == kind


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        ("What's the capital of France?", "what is the capital of france"),
        ("Tell me France's capital.", "What is the capital of France?"),
        ("Convert five km to miles", "Convert 5 kilometers into miles"),
        ("How much is 15% of 80?", "What is 15 percent of 80?"),
        ("Switch the lights off.", "Turn off the lights."),
        ("At night, do plants sleep?", "Do plants sleep at night?"),
        ("When did WW2 end?", "In which year did WW2 end?"),
        ("How is a tyre changed?", "How do I change a tire?"),
        ("Is it less expensive by bus?", "Is it cheaper by bus?"),
        ("My phone won't charge.", "My phone does not charge."),
        ("Who is the author of Emma?", "Who wrote Emma?"),
        ("Waht is teh capitol of Farnce?", "What is the capital of France?"),
        ("WIE SPÄT IST ES", "Wie spät ist es?"),
        ("A cup contains how many tablespoons?", "How many tablespoons are in a cup?"),
        ("WHO IS US CHAMPION", "who is us champion"),
        ("capital of china", "Capital of China?"),
        ("Why is the sky blue? 🙂", "Why is the sky blue"),
        ("What is 12 × 8?", "What is 12 times 8"),
        ("Rain (for a child), please", "Rain for a child please"),
        ("Combien font 3 et 4 ?", "combien font 3 et 4"),
    ],
)
def test_what_asks_the_same_passes(asked: str, kept: str) -> None:
    """Other words, other order, other spelling."""
    assert between(asked, kept) is None


@pytest.mark.parametrize(
    "text", ["", "???", "\x00", "🙂" * 50, "a" * 600, "'" * 300, "%$€", "1" * 400]
)
def test_any_text_can_be_read(text: str) -> None:
    """It is itself, and not something else."""
    assert same_words(reading(text), reading(text))
    assert difference(reading(text), reading(text)) is None
