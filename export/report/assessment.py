"""An assessment of one artifact as texts: Markdown, one HTML page and the picture of the README."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from edge_router.learning.page.content import Figure, Section, Table, interval_text, number_text
from edge_router.learning.page.html import page_of

from .line_plots import line_plot, panels
from .markdown import markdown_of

__all__ = ["assessment_files", "assessment_markdown", "cost_quality_picture"]

Json = Mapping[str, Any]

FOLDED_ROWS = 40  # longer tables open on demand


def assessment_files(assessment: Json) -> dict[str, str]:
    """The texts of `assessment.json`, `.md` and `.html`, and of the picture where it was drawn."""
    text = json.dumps(assessment, ensure_ascii=False, allow_nan=False, indent=1)
    title, opening, parts = _title(assessment), _opening(assessment), _sections(assessment)
    files = {
        "assessment.json": text + "\n",
        "assessment.md": markdown_of(title, opening, parts),
        "assessment.html": page_of(title, opening, parts),
    }
    picture = cost_quality_picture(assessment)
    return files | ({"cost-quality.svg": picture + "\n"} if picture else {})


def assessment_markdown(assessment: Json) -> str:
    """Every table as text."""
    return markdown_of(_title(assessment), _opening(assessment), _sections(assessment))


def cost_quality_picture(assessment: Json) -> str | None:
    """Cost against quality, everyday and exams side by side; None where it was not measured."""
    curves = [one for one in assessment["results"] if one["name"] == "curves" and one["plots"]]
    if not curves:
        return None
    alt = " ".join(plot["alt"] for plot in curves[0]["plots"])
    return panels("cost-quality", alt, curves[0]["plots"])


def _title(assessment: Json) -> str:
    return f"Edge Router: assessment of {assessment['artifact']}"


def _opening(assessment: Json) -> str:
    prices = ", ".join(f"{name} {price:g}" for name, price in assessment["prices"].items())
    unseen = assessment["unseen"]
    whole = f" All rows of {', '.join(unseen)} count: never trained on." if unseen else ""
    return (
        f"Artifact {assessment['hash'][:16]} on the {assessment['split']} split.{whole} Prices of "
        f"the operating points: {prices}. Intervals are 95 % bootstrap intervals of "
        f"{assessment['repeats']} resamples; seed {assessment['seed']}; edge_router "
        f"{assessment['edge_router']}; {assessment['created']}. A dash means: not known."
    )


def _sections(assessment: Json) -> list[Section]:
    return [_section(result) for result in assessment["results"]]


def _section(result: Json) -> Section:
    tables = [_table(table) for table in result["tables"]]
    figures = [
        Figure(plot["title"], plot["alt"], partial(line_plot, result["name"], plot))
        for plot in result["plots"]
    ]
    return Section(result["title"], tuple(result["text"]), (*tables, *figures))


def _table(table: Json) -> Table:
    header: Sequence[str] = table["header"]
    rows = tuple(tuple(_text(row[name]) for name in header) for row in table["rows"])
    return Table(table["title"], tuple(header), rows, folded=len(rows) > FOLDED_ROWS)


def _text(cell: Any) -> str:
    if isinstance(cell, str):
        return cell
    if isinstance(cell, list):
        return interval_text(cell)
    return str(cell) if isinstance(cell, int) else number_text(cell)
