"""The Markdown table of a comparison of two runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ..rows.compare import Comparison
from .words import amount, settings_words

__all__ = ["comparison_table"]

HEAD = ("suite", "measure", "contender", "settings", "old", "new", "ratio [95 %]", "verdict")


def comparison_table(comparisons: Sequence[Comparison]) -> str:
    """Markdown, and a line that counts the verdicts. A ratio above 1 is worse."""
    lines = [f"| {' | '.join(HEAD)} |", f"|{'---|' * len(HEAD)}"]
    lines += [f"| {' | '.join(_cells(one))} |" for one in comparisons]
    counts = Counter(str(one.verdict) for one in comparisons)
    totals = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    return "\n".join([*lines, "", totals, ""])


def _cells(one: Comparison) -> list[str]:
    cell = one.cell
    verdict = str(one.verdict) + (f" ({one.why})" if one.why else "")
    return [
        cell.suite,
        cell.measure,
        cell.contender,
        settings_words(cell.settings),
        amount(one.old, cell.unit),
        amount(one.new, cell.unit),
        f"{one.ratio:.3f} [{one.low:.3f}, {one.high:.3f}]",
        verdict,
    ]
