"""Task kinds in words."""

from __future__ import annotations

import pytest

from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.explaining.kind_words import kind_words


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("everyday/howto", "instructions"),
        ("everyday/tax_forms", "everyday/tax forms"),
        ("mmlu/high_school_biology", "exam: high school biology"),
        ("mmlu_pro/law", "hard exam: law"),
        ("math_word", "a maths word problem"),
        ("my_tickets", "my tickets"),
    ],
)
def test_a_kind_is_told_in_words(kind: str, words: str) -> None:
    """One that nobody named keeps its name, readable."""
    assert kind_words(kind) == words


def test_every_kind_of_the_shipped_artifact_has_words(artifact: RouterArtifact) -> None:
    """None is shown as a name of a table."""
    for kind in artifact.manifest.task_kinds:
        words = kind_words(kind)
        assert "/" not in words
        assert "_" not in words
