"""Grading in the toolchain: what the runtime grades, and code."""

from __future__ import annotations

from edge_router.export.data.grade import INSTRUCTIONS, MAX_TOKENS, grade
from edge_router.learning.enrolment import grading


def test_every_metric_of_the_runtime_is_there_and_code() -> None:
    """Each with its instruction and its length."""
    assert INSTRUCTIONS.keys() == MAX_TOKENS.keys() == {*grading.INSTRUCTIONS, "code"}
    assert grade("text", "The capital is Paris.", "Paris") == 1.0


def test_code_is_right_when_it_passes_its_tests() -> None:
    """Run apart, with limits."""
    tests = "assert double(2) == 4"
    assert grade("code", "```python\ndef double(x): return 2 * x\n```", tests) == 1.0
    assert grade("code", "def double(x): return x", tests) == 0.0
