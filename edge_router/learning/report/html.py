"""A report as one self-contained HTML page."""

from __future__ import annotations

from ..page.html import page_of
from .report import Report
from .sections import opening, sections

__all__ = ["report_page"]


def report_page(report: Report) -> str:
    """Light or dark as the reader's device is, and readable on a phone."""
    return page_of("Edge Router: where queries went", opening(report), sections(report))
