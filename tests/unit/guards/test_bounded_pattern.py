"""A user's regular expression always ends soon, or is refused by name."""

from __future__ import annotations

import time

import pytest

from edge_router.errors import ConfigError
from edge_router.guards.bounded_pattern import WINDOW, bounded_pattern

FINE = [
    r"EMP-\d+", r"\bPRJ-\d{4}-\d+\b", r"\w+@\w+\.com", r"a{1,100}b{1,100}", r"ACME[- ]?\d{6}",
    r"(?:foo|bar)baz", r"(?i)project (alpha|beta)", r"secret.{0,40}", r"[A-Z]{2}\d{6}[A-Z]?",
    r"a++b",
]  # fmt: skip
ENDLESS = [
    r"(a+)+b", r"(a|a)*b", r"(a|aa)+$", r"(x+x+)+y", r"^(([a-z])+.)+[A-Z]([a-z])+$", r"(\w+\s?)+$",
    r".*secret.*", r"\d+\d+\d", r"((a{1,10}){1,10}){1,10}b", r"(a?){60}a{60}", r"(.*)*x",
    r"([^x]+)+x",
]  # fmt: skip


@pytest.mark.parametrize("pattern", FINE)
def test_usual_patterns_are_taken(pattern: str) -> None:
    """As they are."""
    assert bounded_pattern(pattern, "it").pattern == pattern


@pytest.mark.parametrize("pattern", ENDLESS)
def test_a_pattern_that_may_take_years_is_refused(pattern: str) -> None:
    """Before any text is searched."""
    with pytest.raises(ConfigError, match=r"it may take too long|it matches an empty text"):
        bounded_pattern(pattern, "it")


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(", "is no regular expression"), ("x*", "matches an empty text"), ("", "an empty text"),
        (r"(a)\1", "uses groupref"), ("(?=a)b", "uses assert"), ("(?<!a)b", "uses assert not"),
        ("a" * 501, "is longer than 500"), ("(" * 30 + "a" + ")" * 30, "nested too deeply"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_by_name(pattern: str, message: str) -> None:
    """With what to leave out."""
    with pytest.raises(ConfigError, match=f"my pattern.*{message}"):
        bounded_pattern(pattern, "my pattern")


@pytest.mark.parametrize("pattern", FINE)
def test_what_is_taken_is_fast_on_the_worst_window(pattern: str) -> None:
    """Runs of what the pattern repeats, which come near and fail."""
    compiled = bounded_pattern(pattern, "it")
    for run in ("a", "1", "EMP-1", "PRJ-2024-", "a@", " ", "x", "secret", "A1"):
        text = (run * WINDOW)[: 2 * WINDOW]
        started = time.process_time()
        assert all(match[0] for match in compiled.finditer(text))
        assert time.process_time() - started < 0.5
