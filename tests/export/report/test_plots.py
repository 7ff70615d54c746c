"""The figures of a report: what is drawn where."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("matplotlib", reason="the extra `export` is not installed")

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from edge_router.export.report.plots import _annotate


def test_labels_of_near_marks_do_not_cover_each_other() -> None:
    """Nor a mark, where one of the sides has room."""
    figure: Any = Figure(figsize=(5, 4), layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    marks = [(1.0, 1.0), (1.2, 1.01), (1.1, 0.98), (2.0, 2.0)]
    axes.scatter(*zip(*marks, strict=True))
    names = ["the first of four", "the second", "the third", "the last"]
    _annotate(axes, list(zip(names, marks, strict=True)), marks)
    boxes = [text.get_window_extent(canvas.get_renderer()) for text in axes.texts]
    assert [text.get_text() for text in axes.texts] == names
    for number, box in enumerate(boxes):
        assert not box.count_overlaps(boxes[:number])
        assert not any(box.contains(x, y) for x, y in axes.transData.transform(marks))
