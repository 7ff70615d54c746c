"""The runtime's grading, and one metric more: the tests that a program must pass."""

from __future__ import annotations

from edge_router import grading

from .code_tests import passes_tests

__all__ = ["INSTRUCTIONS", "MAX_TOKENS", "grade"]

INSTRUCTIONS = grading.INSTRUCTIONS | {"code": "\n\nAnswer with the Python code only."}
MAX_TOKENS = grading.MAX_TOKENS | {"code": 192}


def grade(metric: str, answer: str, gold: str) -> float:
    """`grading.grade`; for the metric "code", whether the code in `answer` passes `gold`."""
    if metric == "code":
        return float(passes_tests(answer, gold))
    return grading.grade(metric, answer, gold)
