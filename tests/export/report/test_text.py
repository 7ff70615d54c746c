"""The Markdown report: leaderboard first, nothing left out, nothing made up."""

from __future__ import annotations

import pytest

pytest.importorskip("matplotlib", reason="the extra `export` is not installed")

import copy
import json
from pathlib import Path
from typing import Any

from edge_router.export.evaluation import write_report
from edge_router.export.report.markdown import markdown
from edge_router.export.report.sections import sections
from edge_router.export.report.svg import draw_svg
from edge_router.learning.page.content import interval_text, number_text


def test_the_leaderboard_comes_first(evaluation: dict[str, Any]) -> None:
    """And starts with the best, bounds without a rank."""
    text = markdown(evaluation)
    assert text.index("## Leaderboard") < text.index("## t<able>")
    first = next(line for line in text.splitlines() if line.startswith("| oracle"))
    assert first.startswith("| oracle | - |")


def test_every_part_has_its_section(evaluation: dict[str, Any]) -> None:
    """Pair, differences, calls, calibration, pools, costs, scaling, definitions, contenders."""
    titles = [section.title for section in sections(evaluation)]
    assert titles == [
        "Leaderboard",
        "Against random",
        "t<able>",
        "Calls to the strong expert",
        "Calibration",
        "Pools",
        "Pools of t<able>",
        "t<able>/strong-to-weak/3",
        "Cost and speed: t<able>",
        "Cost and speed: t<able>/strong-to-weak/3",
        "Scaling: t<able>",
        "How to read this",
        "Contenders",
    ]


def test_every_table_is_as_wide_as_its_header(evaluation: dict[str, Any]) -> None:
    """A pipe in a name is not a column."""
    widths: list[int] = []
    for line in markdown(evaluation).splitlines():
        if not line.startswith("|"):
            widths = []
            continue
        widths.append(line.replace("\\|", "").count("|"))
        assert len(set(widths)) == 1, line


def test_what_is_not_known_is_a_dash() -> None:
    """Never 0, never nan."""
    assert interval_text(None) == number_text(None) == "-"
    assert interval_text([0.5, None, None]) == "0.500 [no interval]"
    assert interval_text([0.5, 0.25, 0.75]) == "0.500 [0.250, 0.750]"


def test_unmeasured_columns_are_dashes(evaluation: dict[str, Any]) -> None:
    """TO-Router's table has dollars and times here, but no likelihoods."""
    text = markdown(evaluation).split("## Cost and speed", 1)[1]
    line = next(line for line in text.splitlines() if line.startswith("| random"))
    assert line.split(" | ")[1].startswith("$0.")
    assert line.split(" | ")[4] == "-"
    assert "nan" not in markdown(evaluation)


def test_an_evaluation_of_nothing_can_be_read(evaluation: dict[str, Any]) -> None:
    """Without tasks there are contenders and definitions."""
    empty = copy.deepcopy(evaluation) | {
        "tasks": [],
        "leaderboard": [],
        "pool_leaderboard": [],
        "pool_groups": [],
        "scaling": [],
    }
    assert [s.title for s in sections(empty)] == ["How to read this", "Contenders"]
    assert markdown(empty).startswith("# Evaluation")


def test_routerevals_table_has_all_contenders_and_four_measures(
    evaluation: dict[str, Any],
) -> None:
    """The best mean score first; with one group its mean is the pool's own figure."""
    text = markdown(evaluation).split("## Pools of t<able>", 1)[1].split("\n## ", 1)[0]
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")]
    assert rows[0][1:] == ["mu_o", "V_R", "V_B", "E_p (bits) |"]
    assert rows[1][0] == "| oracle"
    assert len(rows) == 1 + len(evaluation["contenders"])
    assert "Pools of 3: strong-to-weak." in text


def test_both_optima_and_figure_4_stand_in_the_report(evaluation: dict[str, Any]) -> None:
    """Where cost, speed and similarity are known."""
    section = next(s for s in sections(evaluation) if s.title == "Cost and speed: t<able>")
    table, figure = section.blocks
    names = [row[0] for row in table.rows]
    assert names[-2:] == ["Optimal by similarity", "Optimal of each"]
    drawn = figure.draw()
    assert "Optimal of each" in drawn
    assert "total cost, dollars" in drawn


def test_a_report_is_three_files(evaluation: dict[str, Any], tmp_path: Path) -> None:
    """The JSON is the evaluation itself; writing again changes nothing."""
    folder = tmp_path / "new" / "report"
    write_report(evaluation, folder)
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert files.keys() == {"evaluation.json", "evaluation.md", "evaluation.html"}
    kept = json.loads(files["evaluation.json"])
    assert kept == json.loads(json.dumps(evaluation))
    write_report(kept, folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == files


def test_logarithmic_axes_write_their_numbers_out() -> None:
    """Formulas are off in figures, so that 10^3 would be drawn as its source."""

    def paint(axes: Any) -> None:
        axes.plot([100, 10_000], [2, 5])
        axes.set_xscale("log")
        axes.set_yscale("log")

    drawn = draw_svg("powers", "Two lines", paint)
    assert "mathdefault" not in drawn
    assert ">1,000<" in drawn
    assert ">3<" in drawn
