"""Varied texts: the question stays, what surrounds it changes."""

from __future__ import annotations

from edge_router.export.training.variation import Variation

QUESTION = "How do I repair the zipper of an old winter coat?"
WORDS = ["apple", "river", "seven"]


def varied(share: float, seed: int = 0, text: str = QUESTION, count: int = 300) -> list[str]:
    vary = Variation(WORDS, share=share, seed=(seed,))
    return [vary(text) for _ in range(count)]


def test_the_stated_share_is_varied() -> None:
    """None of 0, and about 4 of 10 of 0.4."""
    assert set(varied(0.0)) == {QUESTION}
    changed = sum(text != QUESTION for text in varied(0.4, count=2000)) / 2000
    assert 0.34 < changed < 0.44


def test_equal_seeds_vary_alike() -> None:
    """Another seed does not."""
    assert varied(1.0, seed=3) == varied(1.0, seed=3)
    assert varied(1.0, seed=3) != varied(1.0, seed=4)


def test_the_question_is_still_there() -> None:
    """But for its first letter and at most three typing errors."""
    for text in varied(1.0):
        middle = text.lower()
        kept = sum(word in middle for word in QUESTION.lower().rstrip("?").split())
        assert kept >= 8  # of 11 words


def test_a_short_text_has_no_typing_error() -> None:
    """A letter more would make another word of it."""
    assert all("hi" in text.lower() for text in varied(1.0, text="hi"))
