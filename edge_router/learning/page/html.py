"""Prints a report as one self-contained HTML page: no scripts or links, figures inline."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from string import Template

from .content import Figure, Section, Table
from .frame import PAGE, STYLE

__all__ = ["page_of"]


def page_of(title: str, opening: str, parts: Sequence[Section]) -> str:
    """A page of any sections under a heading and an opening paragraph."""
    contents = "".join(
        f'<li><a href="#s{number}">{escape(section.title)}</a></li>'
        for number, section in enumerate(parts)
    )
    return Template(PAGE).substitute(
        style=STYLE,
        title=escape(title),
        introduction=escape(opening),
        contents=contents,
        body="\n".join(_section(number, section) for number, section in enumerate(parts)),
    )


def _section(number: int, section: Section) -> str:
    inner = "".join(f"<p>{escape(text)}</p>" for text in section.text)
    inner += "".join(map(_block, section.blocks))
    return f'<section id="s{number}"><h2>{escape(section.title)}</h2>\n{inner}</section>'


def _block(block: Table | Figure) -> str:
    if isinstance(block, Figure):
        return f"<figure>{block.draw()}<figcaption>{escape(block.title)}</figcaption></figure>\n"
    title = escape(block.title)
    table = _table(block)
    if block.folded:
        return f"<details><summary>{title}</summary>{table}</details>\n"
    return f"<h3>{title}</h3>{table}\n"


def _table(table: Table) -> str:
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in table.header)
    body = "".join(_row(row, muted=number in table.muted) for number, row in enumerate(table.rows))
    label = escape(table.title)
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{label}">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _row(cells: tuple[str, ...], *, muted: bool) -> str:
    opening = '<tr class="muted">' if muted else "<tr>"
    return opening + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
