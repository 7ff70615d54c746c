"""Two machines' answers, compared."""

from __future__ import annotations

import math

import pytest

from edge_router.benchmarks.arm.agreement import Agreement, Answer

HOST = [
    Answer("small", {"small": 1.0, "large": 2.0}),
    Answer("large", {"small": 0.0, "large": 3.0}),
]


def test_a_machine_agrees_with_itself() -> None:
    """No flips, no difference, no fault."""
    result = Agreement.between(HOST, HOST, machine="cortex-a72")
    assert (result.flips, result.max_delta, result.queries) == (0, 0.0, 2)
    assert result.faults() == []


def test_another_expert_is_a_flip_and_the_largest_difference_counts() -> None:
    """The second query goes elsewhere, after its logits moved by 0.25 and 0.5."""
    guest = [HOST[0], Answer("small", {"small": 0.25, "large": 2.5})]
    result = Agreement.between(HOST, guest, machine="nehalem")
    assert result.flips == 1
    assert result.deltas == (0.0, 0.5)
    assert result.faults() == [
        "nehalem decides 1 of 2 queries otherwise",
        "nehalem moves a logit by 5.0e-01, more than 1e-05",
    ]


def test_the_limit_itself_is_allowed() -> None:
    """More than the limit is a fault, the limit is not."""
    guest = [Answer("small", {"small": 1.5, "large": 2.0}), HOST[1]]
    result = Agreement.between(HOST, guest, machine="haswell")
    assert result.faults(0.5) == []
    assert len(result.faults(0.49)) == 1


@pytest.mark.parametrize("log_odds", [{"small": math.nan, "large": 2.0}, {"small": 1.0}])
def test_no_number_and_a_missing_expert_are_faults(log_odds: dict[str, float]) -> None:
    """They differ by more than any limit."""
    result = Agreement.between(HOST[:1], [Answer("small", log_odds)], machine="cortex-a76")
    assert len(result.faults()) == 1


def test_a_missing_answer_is_refused() -> None:
    """Answers to other queries cannot be compared."""
    with pytest.raises(ValueError, match="zip"):
        Agreement.between(HOST, HOST[:1], machine="cortex-a72")
