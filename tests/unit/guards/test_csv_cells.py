"""The longest cell that csv reads."""

from __future__ import annotations

import csv
import io

import pytest

from edge_router.guards.csv_cells import cells_up_to


def test_a_long_cell_is_read_and_the_limit_is_as_before() -> None:
    """Also where reading fails."""
    before = csv.field_size_limit()
    text = "long" * before
    with cells_up_to(len(text)):
        assert next(csv.reader(io.StringIO(text))) == [text]
    assert csv.field_size_limit() == before
    with pytest.raises(csv.Error), cells_up_to(1):
        next(csv.reader(io.StringIO(text)))
    assert csv.field_size_limit() == before
