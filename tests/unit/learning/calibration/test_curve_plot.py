"""The plot of the cost-quality curve."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

from edge_router.learning.calibration.curve_plot import cost_quality_svg
from made_evidence import made_evidence


def test_the_plot_shows_three_lines_and_the_point() -> None:
    """Well-formed, its title escaped, the same every time."""
    made = made_evidence(100)
    plot = cost_quality_svg(made, 0.3, title="a < b")
    root = ElementTree.fromstring(plot)
    names = [element.tag.rpartition("}")[2] for element in root]
    assert names.count("polyline") == 3
    assert names.count("circle") == 1
    assert "a &lt; b" in plot
    assert "dollars per 1,000 queries" in plot
    assert plot == cost_quality_svg(made, 0.3, title="a < b")


def test_without_prices_it_is_over_strong_calls() -> None:
    """A single query still makes a plot."""
    made = made_evidence(1)
    unpriced = replace(made, strong=replace(made.strong, cost_usd=None))
    assert "strong calls, %" in cost_quality_svg(unpriced, 0.3, title="one")
