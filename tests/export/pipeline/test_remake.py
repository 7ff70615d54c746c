"""A remade router beside the former one: what counts as the same."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("tqdm", reason="the extra `export` is not installed")

from edge_router.export.data.rows import BadData
from edge_router.export.pipeline.remake import (
    RemakeDiffers,
    compare_metrics,
    remake_table,
    require_same,
)


def measured(*values: float, table: str = "t") -> list[dict[str, Any]]:
    """Tables with intervals of four standard errors of 0.01, near enough."""
    return [
        {
            "table": f"{table}{number}",
            "weak": "small",
            "strong": "large",
            "apgr": {"router": [value, value - 0.01959964, value + 0.01959964]},
        }
        for number, value in enumerate(values)
    ]


def test_the_tolerance_is_one_standard_error_and_smaller_for_the_mean() -> None:
    """0.01 for each table; for the mean of four, half of it."""
    *tables, mean = compare_metrics(measured(0.5, 0.6, 0.6, 0.7), measured(0.51, 0.6, 0.6, 0.69))
    assert [one.tolerance for one in tables] == pytest.approx([0.01] * 4)
    assert mean.tolerance == pytest.approx(0.005)
    assert (mean.table, mean.before, mean.now) == ("mean", pytest.approx(0.6), pytest.approx(0.6))


def test_what_differs_by_more_is_refused_with_its_numbers() -> None:
    """By name, both figures and what is allowed; what lies within passes."""
    near = compare_metrics(measured(0.5, 0.6), measured(0.505, 0.598))
    require_same(near)
    assert "differs" not in remake_table(near)
    far = compare_metrics(measured(0.5, 0.6), measured(0.5, 0.65))
    with pytest.raises(RemakeDiffers, match=r"t1 is 0\.650, it was 0\.600; 0\.010 is allowed"):
        require_same(far)
    assert "| t1 | 0.6000 | 0.6500 | +0.0500 | 0.0100 | differs |" in remake_table(far)


def test_other_tables_are_no_remake() -> None:
    """Figures of different tables cannot be compared."""
    with pytest.raises(BadData, match="different pairs"):
        compare_metrics(measured(0.5), measured(0.5, table="u"))
