"""Figures of rows; matplotlib comes with the extra `export`."""

from __future__ import annotations

from pathlib import Path

import pytest

from made_rows import made_row

pytest.importorskip("matplotlib")

from edge_router.benchmarks.printers.plots import draw_plots


def test_a_setting_that_varies_becomes_the_axis_and_else_there_are_bars(tmp_path: Path) -> None:
    """One file for each suite and unit; failed cells are left out."""
    rows = [
        *(made_row([n, 2.0 * n], settings={"tokens": n, "threads": 1}) for n in (8, 32, 128)),
        made_row([], error="Broken: it is"),
        made_row([5e6], unit="B", measure="drift", settings={}),
        made_row([9e6], unit="B", measure="peak", settings={}, faults=("loaded: x",)),
    ]
    lines, bars = draw_plots(rows, tmp_path / "plots")
    assert (lines.name, bars.name) == ("latency-s.svg", "latency-B.svg")
    assert ">tokens<" in lines.read_text()
    assert "2 cells, 1 of them invalid" in bars.read_text()
    assert all(f">{name}<" in bars.read_text() for name in ("drift", "peak"))
