"""The study of preferences: hull, choices and intervals on a table made by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_router.export.studies.preference import (
    Priced,
    preference_lines,
    preference_study,
    priced_table,
)
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.deciding.topsis import PreferenceRule

EXPERTS = ("cheap", "dear")


def table(count: int = 200) -> Priced:
    """The cheap expert is right on even queries, the dear one on all; a router that knows it."""
    even = np.arange(count) % 2 == 0
    scores = np.column_stack([even.astype(float), np.ones(count)])
    costs = np.tile([0.001, 0.01], (count, 1))
    expected = np.where(even[:, None], [0.96, 0.95], [0.1, 0.95])
    splits = np.array(["train", "dev", "dev", "test", "test"])[np.arange(count) % 5]
    return Priced(EXPERTS, splits, scores, costs, expected, costs)


def test_a_router_that_knows_lies_above_the_mix_of_single_experts() -> None:
    """Half cheap and half dear: all right for $5.5 a thousand, where the mix gets three quarters.

    The cheap expert dominates the dear one where it is at least as good, so `performance` saves
    the same dollars.
    """
    result = preference_study(table(), repeats=50)
    assert result["best_single"] == "dear"
    assert result["queries"] == {"dev": 80, "test": 80}
    message = result["preferences"]["performance"]
    assert message["score"]["value"] == 1.0
    assert message["usd_per_1000"]["value"] == pytest.approx(5.5)
    assert message["above_hull"]["value"] == pytest.approx(0.25)
    assert message["above_hull"]["low"] > 0
    kept = result["kept"]["weights"]
    assert kept["saved"]["value"] == pytest.approx(0.45)
    assert kept["kept"]["value"] == 1.0
    lines = "\n".join(preference_lines(result))
    assert "performance  score 1.000 [1.000, 1.000]" in lines


def test_the_real_rule_chooses_from_what_is_expected_alone() -> None:
    """Scores play no part in it."""
    small = table(4)
    assert small.chosen(PreferenceRule.of("performance")).tolist() == [0, 1, 0, 1]
    assert small.chosen(PreferenceRule.of("cost")).tolist() == [0, 0, 0, 0]
    scores, costs = small.outcome(np.array([0, 0, 1, 1]))
    assert scores.tolist() == [1, 0, 1, 1]
    assert costs.tolist() == [0.001, 0.001, 0.01, 0.01]


def test_where_nothing_keeps_enough_on_dev_that_is_said() -> None:
    """No setting is made up."""
    hopeless = table()
    expected = np.tile([0.99, 0.1], (len(hopeless.scores), 1))
    blind = Priced(
        EXPERTS, hopeless.splits, hopeless.scores, hopeless.costs, expected, hopeless.costs
    )
    result = preference_study(blind, repeats=10)
    assert result["kept"]["weights"] == {"setting": None}
    assert "weights: no setting keeps 95% on dev" in preference_lines(result)


@pytest.mark.slow
def test_auto_lies_above_the_hull_on_routerbench(
    artifact: RouterArtifact, data: Path, tmp_path: Path
) -> None:
    """With enrolled heads, on test rows that nothing was fitted or chosen on."""
    folder = data / "outcomes" / "evaluate_only"
    real = priced_table(artifact, folder, heads="enrolled", work=tmp_path)
    result = preference_study(real, repeats=200)
    assert result["preferences"]["auto"]["above_hull"]["value"] >= 0
