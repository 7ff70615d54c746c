"""Random search on a worth that can be computed by hand."""

from __future__ import annotations

from edge_router.export.evaluation.assessment.random_search import attacked, random_search

WORDS = [f"word{number}" for number in range(20)]


def lucky(trigger: str) -> tuple[float, float]:
    """How many words of the trigger are the lucky one."""
    return float(trigger.split().count("word7")), 0.0


def test_the_search_climbs_and_reports_at_its_marks() -> None:
    """Nothing is lost on the way, and the same seed finds the same words."""
    half, end = random_search(lucky, WORDS, evaluations=400, seed=0, marks=(200,))
    assert (half.evaluations, end.evaluations) == (200, 400)
    assert 3 < half.worth[0] <= end.worth[0] == lucky(end.trigger)[0]
    assert random_search(lucky, WORDS, evaluations=400, seed=0)[-1].trigger == end.trigger


def test_a_budget_of_one_is_one_evaluation() -> None:
    """The first trigger, drawn at random."""
    calls: list[str] = []

    def counted(trigger: str) -> tuple[float, float]:
        calls.append(trigger)
        return 0.0, 0.0

    (only,) = random_search(counted, WORDS, evaluations=1, seed=0)
    assert calls == [only.trigger]


def test_where_the_words_go() -> None:
    """On a line of their own."""
    assert attacked("hi", "a b", "prefix") == "a b\nhi"
    assert attacked("hi", "a b", "suffix") == "hi\na b"
