"""The steps towards speed, on a graph small enough to write twice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the extra `export` is not installed")
pytest.importorskip("optimum", reason="the extra `export` is not installed")

import onnx

from edge_router.export.data.packaged import base_folder
from edge_router.export.studies.ablation import STEPS, ablation, ablation_table

TINY = {"layers": (0,), "width": 64, "feed_forward": 64, "words": 16_000}


@pytest.mark.filterwarnings("ignore")  # torch and optimum warn about themselves while exporting
def test_each_step_is_written_and_timed(tmp_path: Path) -> None:
    """The graphs are what the steps say, and the table has a row for each."""
    labels = ("MiniLM", "sums", "the same numbers")
    steps = [replace(step, **TINY) for step in STEPS if step.label.startswith(labels)]
    rows = ablation(base_folder(), tmp_path, repeats=2, steps=steps)
    assert [row.step for row in rows] == [step.label for step in steps]
    assert rows[1].megabytes < rows[0].megabytes / 2
    assert all(ms > 0 for row in rows for ms in (*row.p50_ms.values(), row.open_ms))
    fused, exact = (
        {node.op_type for node in onnx.load(tmp_path / f"{number}.onnx").graph.node}
        for number in (1, 2)
    )
    assert "BiasGelu" in fused
    assert not fused & {"SkipLayerNormalization", "MatMulInteger"}
    assert not exact & {"BiasGelu", "Gelu", "LayerNormalization", "QAttention"}
    table = ablation_table(rows).splitlines()
    assert len(table) == 2 + len(rows)
    assert " | 1.0 | " in table[2]


def test_the_last_steps_are_the_recipe_of_speed() -> None:
    """Each step changes something, and what one has bought the next ones keep."""
    assert len({replace(step, label="") for step in STEPS}) == len(STEPS)
    sizes = [len(step.layers) * step.width * step.feed_forward for step in STEPS]
    assert sizes == sorted(sizes, reverse=True)
