"""Confusion: measures against a worked example, and laws that hold for any counts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_router.tasks.evaluation.confusion import MEASURES, Confusion
from edge_router.tasks.task_list import UNKNOWN

# Ten of a (8 right, 1 named b, 1 unknown), five of b (3 right), none of c, which one b is named as.
TRUE = ["a"] * 10 + ["b"] * 5
NAMED = ["a"] * 8 + ["b", UNKNOWN] + ["b"] * 3 + ["a", "c"]


def test_measures_are_those_computed_by_hand() -> None:
    """Precision of a 8/9, of b 3/4; recall 8/10 and 3/5; c has no question and does not count."""
    confusion = Confusion.of(TRUE, NAMED, ("a", "b", "c"))
    values = {name: one.value for name, one in confusion.measures().items()}
    f1 = {"a": 16 / 19, "b": 6 / 9}
    assert values == pytest.approx(
        {
            "accuracy": 11 / 15,
            "precision_macro": (8 / 9 + 3 / 4) / 2,
            "recall_macro": (0.8 + 0.6) / 2,
            "f1_macro": (f1["a"] + f1["b"]) / 2,
            "precision_weighted": (10 * 8 / 9 + 5 * 3 / 4) / 15,
            "recall_weighted": 11 / 15,
            "f1_weighted": (10 * f1["a"] + 5 * f1["b"]) / 15,
        }
    )
    assert confusion.by_task()["c"] == {"precision": 0, "recall": 0, "f1": 0, "questions": 0}
    assert confusion.counts[0].tolist() == [8, 1, 0, 1]
    assert confusion.columns == ("a", "b", "c", UNKNOWN)


def test_a_true_task_that_the_list_lacks_is_never_right() -> None:
    """It has a row; a name from outside counts as unknown."""
    confusion = Confusion.of(["a", "z"], ["a", "made up"], ("a", "b"))
    assert confusion.tasks == ("a", "b", "z")
    assert confusion.measures()["accuracy"].value == 0.5
    assert confusion.counts[2].tolist() == [0, 0, 0, 1]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["a", "b", UNKNOWN]))), st.data())
def test_measures_and_their_intervals_lie_in_0_to_1(
    pairs: list[tuple[str, str]], data: st.DataObject
) -> None:
    """In order; equal answers give equal results."""
    pairs = [*pairs, ("a", data.draw(st.sampled_from(["a", "b"])))]
    confusion = Confusion.of([t for t, _ in pairs], [n for _, n in pairs], ("a", "b", "c"))
    measures = confusion.measures(resamples=50)
    assert tuple(measures) == MEASURES
    for one in measures.values():
        assert 0 <= one.low <= one.high <= 1
        assert 0 <= one.value <= 1
    assert confusion.to_json() == confusion.to_json()
