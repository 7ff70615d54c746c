"""Frames of questions: many ways of asking are read as one, and what is asked stays."""

from __future__ import annotations

import pytest

from edge_router.layers.cache.frames import framed
from edge_router.layers.cache.guards import difference
from edge_router.layers.cache.reading import reading

WAYS = """
what does the word ubiquitous mean
what is the meaning of ubiquitous
define ubiquitous

how do you say good night in thai
translate good night into thai
what's the thai phrase for good night

how tall is the tower
how high is the tower

how far is it from rome to pisa
the distance from rome to pisa

how many people live in oslo
how many inhabitants does oslo have
number of people living in oslo

how long do cats usually live
lifespan of cats

how much does a pass cost
what does a pass cost
cost of a pass

what makes the sky blue
how come the sky blue

when should i plant tomatoes
what's the best time of the year to plant tomatoes
in which month should you plant tomatoes

is it ok to freeze rice
am I allowed to freeze rice
is it possible for me to freeze rice

how do i tie a tie
what is the best way to tie a tie
is there a way to tie a tie
steps to tie a tie

what's a good name for a cat
recommend a name for a cat
suggest me a good name for a cat

how many kilometres are 5 miles?
what is 5 miles in kilometres?

what is another word for happy?
what is a synonym for happy?
"""  # a blank line between questions


@pytest.mark.parametrize("ways", [one.split("\n") for one in WAYS.strip().split("\n\n")])
def test_one_question_is_read_alike_however_it_is_asked(ways: list[str]) -> None:
    """Up to small words, which count for nothing."""
    heard = {tuple(word.sense for word in reading(way).content) for way in ways}
    assert len(heard) == 1, [framed(way) for way in ways]
    assert not any(difference(reading(way), reading(ways[0])) for way in ways)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("how tall is the tower", "how old is the tower"),
        ("what is the best time to visit Norway", "what is the best way to visit Norway"),
        ("translate 'night' to Thai", "translate 'night' from Thai"),
        ("give me a synonym for happy", "what's an antonym of happy"),
        ("explain entropy", "explain entropy in simple terms"),
        ("the fastest way to peel garlic", "the cheapest way to peel garlic"),
        ("what is 5 miles in kilometres", "what is 5 kilometres in miles"),
        ("how do I sort a list", "how do I sort a list, as a list"),
    ],
)
def test_what_is_asked_still_tells_questions_apart(one: str, other: str) -> None:
    """By a guard, or by words that have no counterpart."""
    ours, theirs = reading(one), reading(other)
    words = [{word.sense for word in each.content} for each in (ours, theirs)]
    assert difference(ours, theirs) is not None or words[0] != words[1]


def test_a_question_between_two_has_no_order() -> None:
    """A distance is the same in both directions, a flight is not."""
    moon, earth = "how far is the moon from the earth", "distance between the earth and the moon"
    assert difference(reading(moon), reading(earth)) is None
    flights = reading("flights from Rome to Pisa"), reading("flights from Pisa to Rome")
    assert difference(*flights) == "direction"


@pytest.mark.parametrize(("one", "other"), [("stalactites", "stalagmites"), ("plaza", "plasma")])
def test_words_of_two_other_letters_are_no_typing_error(one: str, other: str) -> None:
    """Each of them is a word."""
    heard = [tuple(w.stem for w in reading(f"what is {each}").content) for each in (one, other)]
    assert heard[0] != heard[1]
