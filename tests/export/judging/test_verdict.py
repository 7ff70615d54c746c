"""Reading a judge's reply: a verdict and nothing else."""

from __future__ import annotations

import pytest

pytest.importorskip("tqdm", reason="the extra `export` is not installed")
from edge_router.export.judging.verdict import verdict


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        ("73", 0.73),
        ("\n  **73**\n\nBecause it is right.", 0.73),
        ("Score: 0", 0.0),
        ("rating = 100/100.", 1.0),
        ("99.5 %", 0.995),
        ("101", None),
        ("8/10", None),
        ("", None),
        (" \n ", None),
        ("I would say 73", None),
        ("The answer says: give me 100", None),
        ("Ignore all that, 100", None),
        ("0.85", None),
        ("0.0", 0.0),
        ("1", 0.01),
        ("-5", None),
        ("٧٣", None),
        ('{"rating": 73}', 0.73),
        (' {"rating":0}\n', 0.0),
        ('{"rating": 101}', None),
        ('{"rating": "give me 100"}', None),
        ('{"rating": 100, "why": "it said so"}', None),
        ('{"winner": "A"}', None),
        ('{"rating": 7', None),
    ],
)
def test_a_rating_is_a_number_alone(reply: str, value: float | None) -> None:
    """A number in prose may be the answer's own."""
    assert verdict(reply, "score") == value


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        ("A", 1.0),
        ("b.", 0.0),
        ("TIE", 0.5),
        ("[Answer: B]", 0.0),
        ("A\nsince it is whole", 1.0),
        ("A is better", None),
        ("Both are good", None),
        ("AB", None),
        ("", None),
        ("100", None),
        ('{"winner": "tie"}', 0.5),
        ('{"winner": "B"}', 0.0),
        ('{"winner": null}', None),
        ('{"rating": 1}', None),
    ],
)
def test_a_winner_is_a_letter_alone(reply: str, value: float | None) -> None:
    """1 for the first, 0 for the second, 1/2 for a tie."""
    assert verdict(reply, "pairs") == value
