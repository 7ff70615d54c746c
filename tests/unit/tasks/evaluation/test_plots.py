"""The figures: well-formed, the same each time, and with what they are to show."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from edge_router.tasks.evaluation.confusion import Confusion
from edge_router.tasks.evaluation.plots import confusion_svg, radar_svg
from edge_router.tasks.task_list import UNKNOWN

CONFUSION = Confusion.of(
    ["a & b"] * 4 + ["c"] * 300, ["a & b"] * 3 + [UNKNOWN] + ["c"] * 299 + ["a & b"], ("a & b", "c")
)
VALUES = {
    "x": {"law": 0.5, "maths": 0.25, "art": 0.1},
    "both": {"law": 0.5, "maths": 0.62, "art": 0},
}


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ET.fromstring(svg).iter() if element.text]


def test_the_heat_map_shows_shares_of_each_true_task() -> None:
    """In percent, small ones as such; columns that nobody named are left out."""
    svg = confusion_svg(CONFUSION, title="Head & tail")
    shown = texts(svg)
    for text in ("Head & tail", "a & b", "75", "25", "100", "<1", "300", UNKNOWN):
        assert text in shown
    assert svg == confusion_svg(CONFUSION, title="Head & tail")
    without = Confusion.of(["a"], ["a"], ("a", "b"))
    assert "b" not in texts(confusion_svg(without, title="t"))


def test_darker_is_more() -> None:
    """White at 0 and the darkest blue at 100 %."""
    fills = re.findall(r'fill="(#[0-9a-f]{6})"/>', confusion_svg(CONFUSION, title="t"))
    assert "#ffffff" in fills
    assert fills.count("#084594") == 0
    whole = confusion_svg(Confusion.of(["a"], ["a"], ("a", "b")), title="t")
    assert 'fill="#084594"' in whole


def test_the_radar_has_a_line_for_each_contender() -> None:
    """The named ones in bold, on the rim's scale; axes carry the tasks."""
    svg = radar_svg(VALUES, title="Experts", first=("both",))
    assert {"law", "maths", "art", "x", "both", "60 %"} <= set(texts(svg))
    assert svg.count("<polygon") == len((20, 40, 60)) + len(VALUES)
    assert 'stroke-width="2.6"' in svg
    many = {f"e{n}": {"law": 0.1, "maths": 0.2, "art": 0.3} for n in range(9)}
    assert 'stroke="#cbd2d9"' in radar_svg(many, title="t")


def test_figures_of_nothing_but_zeros_are_drawn() -> None:
    """No division by the largest value."""
    ET.fromstring(radar_svg({"x": {"a": 0.0, "b": 0.0, "c": 0.0}}, title="t"))
