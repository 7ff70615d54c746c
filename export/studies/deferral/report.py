"""The deferral study as Markdown and as a figure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ...report.line_styles import Look
from ...report.svg import draw_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["deferral_markdown", "deferral_plot"]

LOOKS = {
    "random": Look("#9aa5b1", "dotted", 1.2),
    "oracle": Look("#1f2933", "solid", 1.2),
    "pre-gate": Look("#0072b2"),
    "post-gate, 16 tokens": Look("#009e73"),
    "both, 16 tokens": Look("#d55e00", width=2.6),
    "both, whole answer": Look("#d55e00", "dashed", 1.2),
}


def deferral_markdown(study: Mapping[str, Any]) -> str:
    """Tables of every gate, of each source and of the operating points."""
    return "\n".join([*_head(study), *_gates(study), *_sources(study), *_points(study)]) + "\n"


def _head(study: Mapping[str, Any]) -> Iterator[str]:
    yield f"# Deferral after the fact: {study['expert']}\n"
    yield (
        f"{study['answers']['test']} answers of the test split, {study['good']:.1%} of them good. "
        f"The gates were fitted on {study['answers']['fit']} answers of the split "
        f"`{study['fit_split']}`. Router `{study['artifact'][:16]}`, head `{study['profile']}`.\n"
    )


def _gates(study: Mapping[str, Any]) -> Iterator[str]:
    yield "AURC: mean share of bad answers over all coverages, lower is better, 95 % interval.\n"
    yield "| gate | AURC | better than the pre-gate by | bad at 20 / 50 / 80 % kept | Brier | ECE |"
    yield "|---|---|---|---|---|---|"
    for name, figures in study["gates"].items():
        risks = " / ".join(f"{risk:.1%}" for risk in figures["risk"].values())
        yield (
            f"| {name} | {_interval(figures['aurc'])} | {_interval(figures['gain'])} | {risks} | "
            f"{_number(figures['brier'])} | {_number(figures['ece'])} |"
        )


def _sources(study: Mapping[str, Any]) -> Iterator[str]:
    shown = [name for name in study["gates"] if name in LOOKS]
    yield "\nAURC within each source:\n"
    yield f"| source | answers | good | {' | '.join(shown)} |"
    yield "|---|---|---|" + "---|" * len(shown)
    for source, figures in study["sources"].items():
        areas = " | ".join(_number(figures["aurc"][name]) for name in shown)
        yield f"| {source} | {figures['answers']} | {figures['good']:.1%} | {areas} |"


def _points(study: Mapping[str, Any]) -> Iterator[str]:
    yield "\nAnswers that the router leaves on the device, and what a look at 16 tokens does:\n"
    yield (
        "| operating point | price | stay | good | handed over | good of these | good of the rest |"
    )
    yield "|---|---|---|---|---|---|---|"
    for name, point in study["operating_points"].items():
        yield (
            f"| {name} | {point['price']:.3f} | {point['stay']} | {_share(point['good'])} | "
            f"{point['handed_over']} | {_share(point['good_of_handed_over'])} | "
            f"{_share(point['good_of_rest'])} |"
        )


def _interval(ends: list[float]) -> str:
    value, low, high = ends
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def deferral_plot(study: Mapping[str, Any]) -> str:
    """Risk-coverage curves as an <svg> element."""

    def paint(axes: Axes) -> None:
        for name, look in LOOKS.items():
            curve = study["gates"][name]["curve"]
            x = [100 * share for share in curve["coverage"]]
            y = [100 * risk for risk in curve["risk"]]
            axes.plot(
                x, y, color=look.colour, linestyle=look.dash, linewidth=look.width, label=name
            )
        axes.set_xlabel("answers kept on the device, %")
        axes.set_ylabel("bad ones among them, %")
        axes.set_ylim(bottom=0)
        axes.legend(loc="lower right")

    alt = "Share of bad answers over the share of answers kept, for each gate"
    return draw_svg("deferral", alt, paint, height=4.0)
