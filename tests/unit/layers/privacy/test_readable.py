"""The plain text that detectors read, and the places of its characters in the written one."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_router.layers.privacy.readable import readable

PIECES = [
    "a", "4", "４", "𝟒", "٤", "А", "–", "\u00a0", "\u3000", "\u200b", "\u0301", "\ufeff", "漢",
    "%40", "\\u0041", "&#64;", "&#x40;", "%", "\\u00", "é", "\U000e0041",
]  # fmt: skip


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("４２", "42"), ("𝟒②", "42"), ("٤٢", "42"), ("Аlice", "Alice"), ("a\u200bb\u2060c", "abc"),
        ("x%40y", "x@y"), ("\\u0041K", "AK"), ("a&#64;b", "a@b"), ("a–b", "a-b"), ("e\u0301", "e"),
        ("plain", "plain"), ("", ""), ("漢字", "漢字"), ("100 %", "100 %"), ("%4", "%4"),
    ],
)  # fmt: skip
def test_what_stands_for_ascii_becomes_it(written: str, plain: str) -> None:
    """And what nobody sees is left out."""
    assert readable(written).text == plain


@given(st.lists(st.sampled_from(PIECES), max_size=30))
@settings(max_examples=100)
def test_places_go_from_left_to_right_and_cover_what_was_written(pieces: list[str]) -> None:
    """Each character has a place, in order; all of them together hold all that is to be seen."""
    written = "".join(pieces)
    plain = readable(written)
    spans = [plain.span(at, at + 1) for at in range(len(plain.text))]
    assert all(start < end for start, end in spans)
    assert all(one[0] < other[0] for one, other in pairwise(spans))
    for letter, (start, end) in zip(plain.text, spans, strict=True):
        assert readable(written[start:end]).text[:1] in (letter, written[start])
    if spans:
        outside = written[: spans[0][0]] + written[spans[-1][1] :]
        assert readable(outside).text == ""


def test_a_long_text_takes_a_time_that_grows_as_its_length() -> None:
    """Ten times the text, about ten times the time."""

    def seconds(text: str) -> float:
        started = time.process_time()
        readable(text)
        return time.process_time() - started

    readable("é")  # the table is made once
    for unit in ("\u200ba", "%41", "e\u0301", "漢"):
        short, long = seconds(unit * 5_000), seconds(unit * 50_000)
        assert long < 40 * short + 0.05
