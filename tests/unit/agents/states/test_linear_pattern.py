"""Patterns that always end, against Python's own."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_router.agents.states.linear_pattern import MAX_KNOWN, LinearPattern
from edge_router.errors import InvalidAgent

ATOMS = st.sampled_from(
    ["a", "b", "B", "1", " ", ".", r"\d", r"\w", r"\S", "[ab]", "[^a]", "[a-c1]", r"\b", "^", "$"]
)
PATTERNS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda two: f"(?:{two[0]}|{two[1]})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{0,2}", "*?"])).map(
            lambda two: f"(?:{two[0]}){two[1]}"
        ),
    ),
    max_leaves=6,
)


@settings(max_examples=250)
@given(
    PATTERNS,
    st.lists(st.text("abBC1_ é\n", max_size=8), min_size=1, max_size=3),
    st.sampled_from(["", "(?s)", "(?m)", "(?ms)", "(?x)", "(?i)"]),
    st.booleans(),
)
def test_it_finds_what_pythons_own_finds(
    pattern: str, texts: list[str], flags: str, ignore_case: bool
) -> None:
    """The same answer for any pattern of the language that both have, also for a text that comes
    after others."""
    ours = LinearPattern(flags + pattern, ignore_case=ignore_case)
    theirs = re.compile(flags + pattern, re.IGNORECASE if ignore_case else 0)
    for text in texts:
        assert ours.search(text) == bool(theirs.search(text))


@pytest.mark.parametrize(
    "pattern",
    ["(a|a)*b", "(a+)+b", "(.*)*x", "a*a*a*a*a*a*b", "(?:){2000000000}b", "(?:(?:){9999}){9999}b"],
)
def test_patterns_that_never_end_elsewhere_end(pattern: str) -> None:
    """A thousand letters take well under a second."""
    started = time.process_time()
    assert not LinearPattern(pattern).search("a" * 1000)
    assert time.process_time() - started < 1


@pytest.mark.parametrize(
    "pattern", ["(", "a{2000}", r"(a)\1", "(?=a)", "(?<!a)b", "a" * 1001, r"(?a)\w"]
)
def test_what_an_automaton_cannot_do_is_refused(pattern: str) -> None:
    """Broken, too large, references, looking around, and a flag that would be overlooked."""
    with pytest.raises(InvalidAgent):
        LinearPattern(pattern)


def test_of_a_long_text_both_ends_are_searched() -> None:
    """The middle is not, so that a text of any length costs the same."""
    pattern = LinearPattern("needle")
    assert pattern.search("needle" + " " * 10**6)
    assert pattern.search(" " * 10**6 + "needle")
    assert not pattern.search(" " * 10**6 + "needle" + " " * 10**6)


def test_what_is_remembered_of_a_pattern_is_bounded() -> None:
    """A pattern whose automaton has a new set of states at each letter."""
    pattern = LinearPattern("(a|b)*a(a|b){100}c")
    letters = "".join("ab"[n * n % 7 % 2] for n in range(1000))
    assert not pattern.search(letters)
    assert sum(map(len, pattern._known.values())) <= MAX_KNOWN
    assert pattern.search(letters[:500] + "a" + "b" * 100 + "c")
