"""Compares a remade router with the one before it, within the noise of the test rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..data.rows import BadData
from ..metrics.table import mean_apgr

__all__ = ["Remade", "RemakeDiffers", "compare_metrics", "remake_table", "require_same"]

WIDTH_95 = 2 * 1.959964  # standard errors in a 95 % interval

Results = Sequence[Mapping[str, Any]]


class RemakeDiffers(BadData):
    """A remade router's figures lie further from the former ones than the test rows' own noise."""


@dataclass(frozen=True, slots=True)
class Remade:
    """APGR of one table, or of their mean, then and now.

    `tolerance` is one standard error of the former figure over the draw of its test rows, from its
    bootstrap interval: what lies nearer could not be told apart by other rows of the same kind.
    """

    table: str
    before: float
    now: float
    tolerance: float

    @property
    def same(self) -> bool:
        return abs(self.now - self.before) <= self.tolerance


def compare_metrics(before: Results, now: Results) -> list[Remade]:
    """Each table's APGR, then the mean's, from `metrics` of two manifests.

    Raises BadData where they speak of different tables or pairs.
    """
    if [_pair(figures) for figures in before] != [_pair(figures) for figures in now]:
        raise BadData("the two artifacts were measured on different pairs; use the same recipe")
    tables = [
        Remade(one["table"], one["apgr"]["router"][0], other["apgr"]["router"][0], _error(one))
        for one, other in zip(before, now, strict=True)
    ]
    error = math.hypot(*(table.tolerance for table in tables)) / len(tables)
    return [*tables, Remade("mean", mean_apgr(before), mean_apgr(now), error)]


def require_same(figures: Sequence[Remade]) -> None:
    """Raise RemakeDiffers for the figure that differs most, in units of its tolerance."""
    worst = max(figures, key=lambda one: abs(one.now - one.before) / one.tolerance)
    if not worst.same:
        raise RemakeDiffers(
            f"APGR on {worst.table} is {worst.now:.3f}, it was {worst.before:.3f}; "
            f"{worst.tolerance:.3f} is allowed"
        )


def remake_table(figures: Sequence[Remade]) -> str:
    """As Markdown."""
    header = "| table | APGR before | now | difference | tolerance | |"
    rows = (
        f"| {one.table} | {one.before:.4f} | {one.now:.4f} | {one.now - one.before:+.4f} | "
        f"{one.tolerance:.4f} | {'same' if one.same else 'differs'} |"
        for one in figures
    )
    return "\n".join([header, "|---|---|---|---|---|---|", *rows])


def _pair(result: Mapping[str, Any]) -> tuple[str, str, str]:
    return result["table"], result["weak"], result["strong"]


def _error(result: Mapping[str, Any]) -> float:
    _, low, high = result["apgr"]["router"]
    return float((high - low) / WIDTH_95)
