"""Prints an evaluation as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edge_router.learning.page.html import page_of

from .sections import introduction, sections

__all__ = ["page"]


def page(evaluation: Mapping[str, Any]) -> str:
    """The whole report: leaderboard, tables and figures, readable on a phone."""
    return page_of("Edge Router: evaluation", introduction(evaluation), sections(evaluation))
