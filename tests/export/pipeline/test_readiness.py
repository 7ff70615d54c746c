"""What a recipe and its outcomes lack is said at once, before the first training step."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_router.export.data.outcome_set import with_groups
from edge_router.export.data.rows import BadData
from edge_router.export.pipeline.readiness import completed, require_ready
from edge_router.export.recipe import SHIPPED, Recipe
from small_tables import PAIR, small_outcomes, small_rows

EMPTY = replace(Recipe.load(SHIPPED), pairs={}, profiles={}, recombined={})


def test_pairs_and_profiles_come_from_the_tables() -> None:
    """The worst and the best expert of each; those of the first as a small and a large model."""
    outcomes = small_outcomes(
        small_rows("a", PAIR), small_rows("b", {"x": 0.1, "y": 0.6, "z": 0.9})
    )
    recipe = completed(EMPTY, outcomes)
    assert recipe.pairs == {"a": ("small", "large"), "b": ("x", "z")}
    assert (recipe.profiles["3b"], recipe.profiles["frontier"]) == (("small",), ("large",))
    assert recipe.profiles["8b"] == ()
    require_ready(recipe, outcomes)
    stated = replace(EMPTY, pairs={"a": ("large", "small")})
    assert completed(stated, outcomes).pairs == stated.pairs


def test_all_that_is_missing_is_listed() -> None:
    """Unknown names, splits without a query, and pairs with too few."""
    rows = [row for row in small_rows("a", PAIR, count=40) if row["split"] != "dev"]
    recipe = replace(
        EMPTY, path=Path("mine.toml"), pairs={"a": ("small", "large"), "b": ("small", "huge")}
    )
    with pytest.raises(BadData) as refused:
        require_ready(recipe, small_outcomes(rows))
    message = str(refused.value)
    assert message.startswith(
        "no router can be made by mine.toml yet; it lacks the table 'b' in [pairs]"
    )
    assert "the expert 'huge' for 'b'; there is 'large', 'small'" in message
    assert "queries in the split 'dev'" in message
    assert "20 more dev queries of the table 'a' with scores of both" in message
    assert (
        "12 more test queries of the table 'a' with scores of both 'small' and 'large' (8 have"
        in message
    )


def test_experts_that_never_differ_give_nothing_to_learn() -> None:
    """It is said by their names."""
    rows = small_rows("a", PAIR)
    for row in rows:
        row["score"] = dict.fromkeys(PAIR, 1.0)
    recipe = replace(EMPTY, pairs={"a": ("small", "large")})
    with pytest.raises(BadData, match="lacks a query of 'a' on which 'small' and 'large' differ"):
        require_ready(recipe, small_outcomes(rows))


def test_a_group_scores_as_the_mean_of_its_experts() -> None:
    """Where some of them are known; its name is its own."""
    rows = small_rows("a", {"x": 0.5, "y": 0.5}, count=40)
    del rows[0]["score"]["y"]
    del rows[1]["score"]["x"], rows[1]["score"]["y"]
    outcomes = small_outcomes(rows)
    grouped = with_groups(outcomes, {"both": ("x", "y")})
    assert grouped.experts == ("x", "y", "both")
    column = grouped.column("both")
    assert column[0] == outcomes.column("x")[0]
    assert np.isnan(column[1])
    assert column[2] == outcomes.scores[2].mean()
    assert grouped.log_tokens[0, 2] == pytest.approx(outcomes.log_tokens[0, 0])
    with pytest.raises(BadData, match="'x' is an expert; give the group"):
        with_groups(outcomes, {"x": ("y",)})
