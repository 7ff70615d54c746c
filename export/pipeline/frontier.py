"""Quality against latency of a recipe's students and their teacher, on the dev split."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge_router.routing.artifact.encoder import open_session
from edge_router.routing.artifact.text import RouterTokenizer

from ..metrics.table import mean_apgr
from ..report.line_styles import COLOURS, MUTED
from ..report.svg import draw_svg
from .steps import Making

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["FrontierPoint", "frontier", "frontier_plot", "frontier_table"]

LENGTHS = (32, 128)
REPEATS = 60


@dataclass(frozen=True, slots=True)
class FrontierPoint:
    """One student: mean APGR over the recipe's pairs (int8), on dev also by table, its file in
    megabytes, and the median milliseconds to tokenise and encode one text of 32 and of 128 tokens
    on one thread."""

    student: str
    dev_apgr: float
    dev_apgr_by_table: dict[str, float]
    test_apgr: float
    teacher_dev_apgr: float
    megabytes: float
    p50_ms: dict[int, float]


def frontier(making: Making) -> list[FrontierPoint]:
    """Distil, export and measure every student of the recipe, the fastest first."""
    points = [_point(making.with_student(name), name) for name in making.recipe.students]
    return sorted(points, key=lambda point: point.p50_ms[LENGTHS[0]])


def _point(making: Making, name: str) -> FrontierPoint:
    dev = making.dev_metrics
    int8 = making.graphs[1]
    texts = {tokens: _text(making.outcomes.texts, making.tokenizer, tokens) for tokens in LENGTHS}
    return FrontierPoint(
        student=name,
        dev_apgr=mean_apgr(dev["student"]),
        dev_apgr_by_table={one["table"]: one["apgr"]["router"][0] for one in dev["student"]},
        test_apgr=mean_apgr(making.metrics["test"]),
        teacher_dev_apgr=mean_apgr(dev["teacher"]),
        megabytes=int8.stat().st_size / 1e6,
        p50_ms={n: _p50_ms(int8, making.tokenizer, text) for n, text in texts.items()},
    )


def _text(texts: Sequence[str], tokenizer: RouterTokenizer, tokens: int) -> str:
    """The first text with this many tokens, or the nearest to it."""
    return min(texts[:2000], key=lambda text: abs(len(tokenizer.input_ids(text)) - tokens))


def _p50_ms(encoder: Path, tokenizer: RouterTokenizer, text: str) -> float:
    session = open_session(encoder)
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        ids, mask = tokenizer.batch([text])
        session.run(None, {"input_ids": ids, "attention_mask": mask})
        seconds.append(time.perf_counter() - start)
    return 1000 * statistics.median(seconds[REPEATS // 6 :])  # the first ones warm up


def frontier_table(points: Sequence[FrontierPoint]) -> str:
    """As Markdown."""
    lines = [
        "| student | APGR dev | APGR test | MB | ms at 32 tokens | ms at 128 tokens |",
        "|---|---|---|---|---|---|",
        *(
            f"| {p.student} | {p.dev_apgr:.3f} | {p.test_apgr:.3f} | {p.megabytes:.1f} | "
            f"{p.p50_ms[32]:.2f} | {p.p50_ms[128]:.2f} |"
            for p in points
        ),
    ]
    return "\n".join(lines)


def frontier_plot(points: Sequence[FrontierPoint], path: Path) -> None:
    """Mean APGR on dev over milliseconds at 32 tokens, with the teacher's as a line, as SVG."""

    def paint(axes: Axes) -> None:
        axes.axhline(points[0].teacher_dev_apgr, linestyle="--", color=MUTED, label="teacher")
        for point in points:
            at = point.p50_ms[32], point.dev_apgr
            axes.plot(*at, "o", color=COLOURS[1])
            axes.annotate(point.student, at, xytext=(0, 6), textcoords="offset points", ha="center")
        axes.margins(0.15)
        axes.set(xlabel="ms for a text of 32 tokens, one thread", ylabel="mean APGR, dev split")
        axes.set_xscale("log")
        axes.legend()

    names = ", ".join(point.student for point in points)
    alt = f"Mean APGR on dev over milliseconds at 32 tokens of {names}, and of their teacher"
    path.write_text(draw_svg("frontier", alt, paint), encoding="utf-8")
