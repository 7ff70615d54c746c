"""The HTML page: whole, self-contained, safe, readable aloud."""

from __future__ import annotations

import re
import subprocess
import sys
from html import escape, unescape
from html.parser import HTMLParser
from typing import Any

import pytest

pytest.importorskip("matplotlib", reason="the extra `export` is not installed")

from edge_router.export.report.html import page
from edge_router.export.report.line_styles import contender_looks
from edge_router.export.report.sections import sections
from edge_router.learning.page.content import Table

ALONE = {"meta", "br", "img", "link", "input"}


class Reader(HTMLParser):
    """Opens and closes tags; keeps attributes and texts."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ALONE:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.fixture(scope="module")
def text(evaluation: dict[str, Any]) -> str:
    return page(evaluation)


@pytest.fixture(scope="module")
def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    return reader


def test_every_tag_is_closed(read: Reader) -> None:
    """In the order in which they were opened."""
    assert read.open == []


def test_nothing_is_fetched(text: str, read: Reader) -> None:
    """No script, no style sheet, no image, no address but those that name SVG itself."""
    assert not {"script", "link", "img", "iframe", "image"} & {tag for tag, _ in read.tags}
    for _, attributes in read.tags:
        assert not {"src", "srcset", "onload", "onclick"} & attributes.keys()
        for name in ("href", "xlink:href"):
            assert (attributes.get(name) or "#").startswith("#")
    assert set(re.findall(r"https?://[^/\"]+", text)) == {"http://www.w3.org"}
    assert "@import" not in text
    assert set(re.findall(r"url\(.", text)) <= {"url(#"}


def test_names_cannot_break_out(text: str) -> None:
    """An expert called <script> is a text."""
    assert "<script" not in text
    assert escape("<script>alert(1)</script>") in text
    assert "$large &amp; $co" in text


def test_every_anchor_has_its_place(read: Reader) -> None:
    """And no two elements share an id."""
    ids = [attributes["id"] for _, attributes in read.tags if "id" in attributes]
    outside = [name for name in ids if name and re.fullmatch(r"s\d+", name)]
    assert len(ids) == len(set(ids))
    links = [attributes["href"] for tag, attributes in read.tags if tag == "a"]
    assert links == [f"#{name}" for name in outside]


def test_figures_can_be_read_aloud(read: Reader) -> None:
    """Every SVG has a role, a text and no fixed size."""
    figures = [attributes for tag, attributes in read.tags if tag == "svg"]
    assert len(figures) >= 8
    for attributes in figures:
        assert attributes["role"] == "img"
        assert len(attributes["aria-label"] or "") > 40
        assert {"viewbox", "width"} & attributes.keys() == {"viewbox"}


def test_every_table_stands_in_the_page_as_text(evaluation: dict[str, Any], read: Reader) -> None:
    """Cell by cell, figures or not."""
    there = set(read.texts)
    tables = [b for s in sections(evaluation) for b in s.blocks if isinstance(b, Table)]
    assert tables
    for table in tables:
        for row in (table.header, *table.rows):
            assert {unescape(cell) for cell in row} <= there


def test_it_fits_a_phone_and_a_letter(text: str) -> None:
    """Its width is the device's, and it is small."""
    assert 'name="viewport" content="width=device-width' in text
    assert len(text.encode()) < 500_000


def test_what_is_compared_has_colour_and_the_rest_is_grey() -> None:
    """An artifact comes first whatever its rank; the sixth router has no colour left."""
    names = [f"router {number}" for number in range(9)]
    sides = dict.fromkeys(names, "router") | {"ours": "artifact", "random": "baseline"}
    looks = contender_looks(
        {
            "leaderboard": [{"contender": name} for name in [*names, "random", "ours"]],
            "pool_leaderboard": [],
            "contenders": [{"name": name, "side": side} for name, side in sides.items()],
        }
    )
    assert looks["ours"].width > looks["router 0"].width > looks["router 5"].width
    assert [looks[name].named for name in (*names[:5], "random")] == [True] * 6
    assert not looks["router 5"].named
    assert not looks["random"].compared


def test_matplotlib_waits_until_something_is_drawn() -> None:
    """And pyplot, with its windows and its global state, is never loaded."""
    code = (
        "import sys\n"
        "from edge_router.export.report import html, plots\n"
        "drawing = ['matplotlib', 'matplotlib.pyplot']\n"
        "print(*[name in sys.modules for name in drawing])\n"
        "plots.scaling_plot({'table': 't', 'sizes': [1, 2], 'probabilities': [1.0],\n"
        "    'mean': [[0.1, 0.2]], 'low': [[0, 0]], 'high': [[1, 1]], 'best_single': 0.1}, 'alt')\n"
        "print(*[name in sys.modules for name in drawing])\n"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    assert loaded.stdout == "False False\nTrue False\n"
