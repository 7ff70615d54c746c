"""Changed messages: each change does what its name says and nothing else."""

from __future__ import annotations

import pytest

from edge_router.export.evaluation.assessment.perturbations import PERTURBATIONS

TEXT = "What is the largest prime number below one hundred?"


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_the_same_text_is_changed_the_same_way(name: str) -> None:
    """No change is drawn anew."""
    change = PERTURBATIONS[name]
    assert change(TEXT, "en") == change(TEXT, "en") != TEXT


def test_typos_swap_letters_inside_of_words() -> None:
    """The same letters in the same words; one word of eight, at least one."""
    changed = PERTURBATIONS["typos"](TEXT, "en").split()
    pairs = list(zip(TEXT.split(), changed, strict=True))
    assert all(sorted(old) == sorted(new) and old[0] == new[0] for old, new in pairs)
    assert sum(old != new for old, new in pairs) == 1
    assert PERTURBATIONS["typos"]("a bc 12", "en") == "a bc 12"


def test_politeness_speaks_the_language_of_the_message() -> None:
    """English where no other words are known."""
    please = PERTURBATIONS["please in front"]
    assert please("Was ist das?", "de") == "Bitte Was ist das?"
    assert please("what's this", "xx") == "Please what's this"
