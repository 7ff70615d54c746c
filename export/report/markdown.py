"""The evaluation as Markdown: every table as text, the leaderboard first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edge_router.learning.page.content import Section, Table

from .sections import introduction, sections

__all__ = ["markdown", "markdown_of"]


def markdown(evaluation: Mapping[str, Any]) -> str:
    """The whole report but for its figures, which are in the HTML page."""
    return markdown_of("Evaluation", introduction(evaluation), sections(evaluation))


def markdown_of(title: str, opening: str, parts: Sequence[Section]) -> str:
    """A report of any sections under a heading and an opening paragraph."""
    return "\n\n".join([f"# {title}", opening, *map(_section, parts)]) + "\n"


def _section(section: Section) -> str:
    tables = [_table(block) for block in section.blocks if isinstance(block, Table)]
    return "\n\n".join([f"## {section.title}", *section.text, *tables])


def _table(table: Table) -> str:
    lines = [_line(table.header), "|---" * len(table.header) + "|", *map(_line, table.rows)]
    return f"### {table.title}\n\n" + "\n".join(lines)


def _line(cells: tuple[str, ...]) -> str:
    escaped = (cell.replace("\\", "\\\\").replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(escaped)} |"
