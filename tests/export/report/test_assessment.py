"""An assessment as files: every number as text, one picture, and nothing where nothing is known."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("matplotlib", reason="the extra `export` is not installed")
from edge_router.export.report.assessment import assessment_files, cost_quality_picture

LINES = [
    {"name": name, "x": [0.0, 50.0, 100.0], "y": [0.2, 0.6, 0.8], "marked": False}
    for name in ("router", "coin")
]
PLOT = {
    "title": "Everyday",
    "alt": "Quality over cost.",
    "x_label": "cost, %",
    "y_label": "quality",
    "diagonal": False,
    "lines": LINES,
}


def small_assessment(**changes: Any) -> dict[str, Any]:
    """One table and one figure."""
    table = {
        "title": "APGR",
        "header": ["pair", "queries", "router", "length"],
        "rows": [{"pair": "a | b", "queries": 12, "router": [0.5, 0.4, 0.6], "length": None}],
    }
    curves = {"name": "curves", "title": "Curves", "text": [], "tables": [table], "plots": [PLOT]}
    return {
        "artifact": "router-small",
        "hash": "0" * 64,
        "split": "dev",
        "unseen": ["tengu"],
        "prices": {"economy": 0.35},
        "seed": 0,
        "repeats": 20,
        "edge_router": "0.1",
        "created": "2026-11-29",
        "results": [curves],
    } | changes


def test_every_number_stands_in_both_texts() -> None:
    """With its interval; what is not known is a dash."""
    files = assessment_files(small_assessment())
    assert set(files) == {
        "assessment.json",
        "assessment.md",
        "assessment.html",
        "cost-quality.svg",
    }
    assert "| a \\| b | 12 | 0.500 [0.400, 0.600] | - |" in files["assessment.md"]
    assert "<td>0.500 [0.400, 0.600]</td><td>-</td>" in files["assessment.html"]
    assert "economy 0.35" in files["assessment.md"]
    assert "All rows of tengu count" in files["assessment.md"]


def test_the_picture_has_its_words_and_is_repeatable() -> None:
    """Title, legend and alternative text; the same input gives the same bytes."""
    picture = cost_quality_picture(small_assessment())
    assert picture is not None
    assert all(text in picture for text in ("Everyday", "router", "coin", "Quality over cost."))
    assert picture == cost_quality_picture(small_assessment())


def test_without_curves_there_is_no_picture() -> None:
    """An assessment of other measures."""
    assert "cost-quality.svg" not in assessment_files(small_assessment(results=[]))
