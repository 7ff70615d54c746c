"""Costs and times beside the scores: joined by query, priced by tokens, never taken for 0."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("tqdm", reason="the extra `export` is not installed")
from edge_router.export.data.rows import BadData
from edge_router.export.evaluation import Tables, evaluate, measure
from edge_router.routing.experts.expert import Pricing
from small_tables import PAIR, small_outcomes, small_rows


def test_rows_are_joined_by_table_and_query() -> None:
    """Stated values land in their cell; equal queries of another table stay unknown."""
    rows = small_rows("t", PAIR)
    rows[3] |= {"latency_s": {"large": 2.5}, "nll": {"small": 0.1, "other": 9.0}}
    result = measure(small_outcomes(rows), {"t": rows, "elsewhere": rows})
    large, small = 0, 1  # experts by name
    assert result.latency_s[3, large] == 2.5
    assert result.nll[3, small] == 0.1
    assert np.isnan(result.latency_s).sum() == result.latency_s.size - 1


def test_a_price_counts_input_and_output_tokens() -> None:
    """Four characters to a token on both sides, unless the row has counted."""
    rows = small_rows("t", {"paid": 0.5, "free": 0.5}, count=2)
    rows[1]["input_tokens"] = {"paid": 1000}
    prices = {"paid": Pricing(1.0, 2.0), "nobody": Pricing(9.0, 9.0)}
    result = measure(small_outcomes(rows), {"t": rows}, prices).cost_usd[:, 1]
    first = len(rows[0]["query"]) / 4 * 1.0 + 10 * 2.0
    assert result == pytest.approx([first / 1e6, (1000 + 41 / 4 * 2.0) / 1e6])


def test_a_stated_cost_is_not_priced_again() -> None:
    """What was paid counts before what a list says."""
    rows = small_rows("t", PAIR, count=2)
    rows[0]["cost_usd"] = {"large": 0.25}
    result = measure(small_outcomes(rows), {"t": rows}, {"large": Pricing(1.0, 1.0)})
    assert result.cost_usd[0, 0] == 0.25
    assert 0 < result.cost_usd[1, 0] < 0.01


def test_an_expert_without_a_price_is_named(tmp_path) -> None:
    """Beside one that has a price; without any price no cost is computed."""
    outcomes = small_outcomes(small_rows("t", PAIR))
    known = measure(outcomes, prices={"large": Pricing(1.0, 1.0)})
    task = Tables(outcomes, measured=known).pair("t", "small", "large")
    with pytest.raises(BadData, match="'t': the cost of 'small' is asked for and not known"):
        evaluate([], [task], work=tmp_path, repeats=2)
    assert Tables(outcomes, measured=measure(outcomes)).pair("t", "small", "large").costs() is None
