"""The figures of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from .line_styles import INK, MUTED, Look
from .svg import draw_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "allocation_heat_map",
    "cost_quality_plot",
    "leaderboard_plot",
    "reliability_plot",
    "scaling_plot",
    "trilemma_plot",
]

Looks = Mapping[str, Look]
Label = tuple[str, tuple[float, float]]
"""Words, and the place in the units of the axes that they belong to."""

ROW_INCHES = 0.24
LABEL_CHARS = 40  # a longer line would leave no room for the plot
SAME_PLACE = 0.045  # of the range of a plot: two marks this close are one to the eye
MARK = 8  # points that a mark is wide
SIDES = (  # of a mark, where its label may stand: its distance in points, and how it is aligned
    ((4, 3), "left", "bottom"),
    ((4, -3), "left", "top"),
    ((-4, 3), "right", "bottom"),
    ((-4, -3), "right", "top"),
    ((4, 11), "left", "bottom"),
    ((4, -11), "left", "top"),
)


def leaderboard_plot(
    rows: Sequence[Mapping[str, Any]], measure: str, looks: Looks, alt: str
) -> str:
    """Means with their 95 % intervals, the best on top."""
    shown = list(reversed(rows))

    def paint(axes: Axes) -> None:
        for place, row in enumerate(shown):
            value, low, high = row["mean"]
            look = looks[row["contender"]]
            if low is not None and high is not None:
                axes.plot([low, high], [place, place], color=look.colour, linewidth=2, alpha=0.6)
            axes.plot([value], [place], "o", color=look.colour, markersize=5)
        axes.set_yticks(range(len(shown)), [row["contender"] for row in shown], color=INK)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel(measure)

    return draw_svg(f"leaderboard {measure}", alt, paint, height=0.8 + ROW_INCHES * len(rows))


def cost_quality_plot(
    task: Mapping[str, Any], looks: Looks, alt: str, *, dollars: bool = False
) -> str:
    """Mean score over the share of strong calls, or over dollars per query."""

    def paint(axes: Axes) -> None:
        for name, result in _back_to_front(task["results"], looks):
            curve, look = result["curve"], looks[name]
            if curve is None or name == "best single":
                continue
            x = np.array(curve["cost_usd"]) * 1000 if dollars else np.array(curve["calls"]) * 100
            label = name if look.named else None
            axes.plot(
                x,
                curve["score"],
                color=look.colour,
                linestyle=look.dash,
                linewidth=look.width,
                label=label,
            )
        best = max(task["expert_scores"])
        axes.axhline(
            best, color=MUTED, linewidth=0.8, linestyle="dotted", label=f"best single ({best:.3f})"
        )
        axes.set_xlabel("dollars per 1,000 queries" if dollars else "strong calls, %")
        axes.set_ylabel("mean score")
        _legend_below(axes, list(looks))

    return draw_svg(f"curve {task['name']} {dollars}", alt, paint, height=4.6)


def _back_to_front(results: Mapping[str, Any], looks: Looks) -> list[tuple[str, Any]]:
    """Thin lines first, so that the named ones lie over them."""
    return sorted(results.items(), key=lambda item: (looks[item[0]].named, looks[item[0]].width))


def _legend_below(axes: Axes, order: Sequence[str]) -> None:
    """Names in the order given, then what is not in it."""
    handles, labels = axes.get_legend_handles_labels()
    place = {name: number for number, name in enumerate(order)}
    shown = sorted(zip(labels, handles, strict=True), key=lambda one: place.get(one[0], len(place)))
    figure = axes.get_figure()
    if shown and figure is not None:
        names, lines = zip(*shown, strict=True)
        figure.legend(lines, names, loc="outside lower center", ncols=2)


def reliability_plot(task: Mapping[str, Any], looks: Looks, alt: str) -> str:
    """Mean score over what was promised, for those with a colour that state probabilities."""

    def paint(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.8, linestyle="dotted")
        for name, result in _back_to_front(task["results"], looks):
            look = looks[name]
            if result["calibration"] is None or name == "best single" or not look.named:
                continue
            bins = result["calibration"]["bins"]
            axes.plot(
                [one["predicted"] for one in bins],
                [one["score"] for one in bins],
                "o-",
                color=look.colour,
                linewidth=look.width,
                markersize=3.5,
                label=name,
            )
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="predicted quality", ylabel="mean score")
        _legend_below(axes, list(looks))

    return draw_svg(f"reliability {task['name']}", alt, paint, height=4.2)


def allocation_heat_map(
    title: str, shares: Mapping[str, Sequence[float]], columns: Sequence[str], alt: str
) -> str:
    """Percent of the queries (routers, columns), dark where many."""
    cells = 100 * np.array(list(shares.values()))

    def paint(axes: Axes) -> None:
        axes.pcolormesh(cells, cmap="Blues", vmin=0, vmax=100, edgecolors="white", linewidth=1)
        axes.invert_yaxis()
        for (row, column), value in np.ndenumerate(cells):
            colour = "white" if value > 55 else INK
            axes.text(
                column + 0.5,
                row + 0.5,
                f"{value:.0f}",
                ha="center",
                va="center",
                fontsize=8,
                color=colour,
            )
        axes.set_xticks(
            np.arange(len(columns)) + 0.5, columns, rotation=35, ha="right", color=INK, fontsize=8
        )
        axes.set_yticks(np.arange(len(shares)) + 0.5, list(shares), color=INK, fontsize=8)
        axes.grid(visible=False)

    return draw_svg(f"allocation {title}", alt, paint, height=1.5 + ROW_INCHES * len(shares))


def trilemma_plot(rows: Sequence[Mapping[str, Any]], name: str, alt: str) -> str:
    """Total cost, throughput and similarity of experts and routers (TO-Router, figure 4).

    The third axis is the colour; an expert is a square, a router a dot, a bound a cross. Those that
    lie on each other share a label.
    """
    marks = {"expert": "s", "router": "o", "bound": "X"}
    low, high = (pick(row["similarity"] for row in rows) for pick in (min, max))

    def paint(axes: Axes) -> None:
        for row in rows:
            axes.scatter(
                row["cost_usd"],
                row["tokens_per_s"],
                c=[row["similarity"]],
                cmap="viridis",
                vmin=low,
                vmax=high,
                marker=marks[row["kind"]],
                s=34,
            )
        axes.margins(0.15)
        axes.set_xlabel("total cost, dollars")
        axes.set_ylabel("tokens per second")
        axes.set_title(f"similarity from {low:.3f} (dark) to {high:.3f} (yellow)", fontsize=9)
        _annotate(axes, _labels(rows), [(row["cost_usd"], row["tokens_per_s"]) for row in rows])

    return draw_svg(f"trilemma {name}", alt, paint, height=4.2)


def _annotate(axes: Axes, labels: Sequence[Label], marks: Sequence[tuple[float, float]]) -> None:
    """Write each label on the first of SIDES where it covers no mark and no label before it,
    else on the last."""
    from matplotlib.transforms import Bbox

    figure: Any = axes.figure
    figure.draw_without_rendering()  # the layout decides where marks are
    renderer = figure.canvas.get_renderer()
    centres = axes.transData.transform(marks)
    taken = [Bbox.from_bounds(x - MARK / 2, y - MARK / 2, MARK, MARK) for x, y in centres]
    for words, place in labels:
        for number, (offset, ha, va) in enumerate(SIDES, start=1):
            text = axes.annotate(
                words, place, offset, textcoords="offset points", fontsize=7, ha=ha, va=va
            )
            box = text.get_window_extent(renderer)
            if number == len(SIDES) or not box.count_overlaps(taken):
                taken.append(box)
                break
            text.remove()


def _labels(rows: Sequence[Mapping[str, Any]]) -> list[Label]:
    """The names of rows that lie on each other, and their rightmost place."""
    places = np.array([(row["cost_usd"], row["tokens_per_s"]) for row in rows])
    near = SAME_PLACE * np.ptp(places, axis=0)
    left, labels = [*range(len(rows))], []
    while left:
        together = [at for at in left if (np.abs(places[at] - places[left[0]]) <= near).all()]
        x, y = places[together].max(axis=0).tolist()
        names = ", ".join(rows[at]["name"] for at in together)
        labels.append((fill(names, LABEL_CHARS), (x, y)))
        left = [at for at in left if at not in together]
    return labels


def scaling_plot(scaling: Mapping[str, Any], alt: str) -> str:
    """Mean score of r_o(p) over the number of experts (RouterEval, figure 2)."""
    greens = ("#b7c9c2", "#86b3a3", "#4f9d82", "#1f7f63", "#0b5d46")

    def paint(axes: Axes) -> None:
        sizes = scaling["sizes"]
        for number, p in enumerate(scaling["probabilities"]):
            colour = greens[number % len(greens)]
            mean, low, high = (scaling[name][number] for name in ("mean", "low", "high"))
            axes.fill_between(sizes, low, high, color=colour, alpha=0.1, linewidth=0)
            axes.plot(sizes, mean, "o-", color=colour, markersize=3.5, label=f"p = {p:g}")
        axes.axhline(scaling["best_single"], color=MUTED, linewidth=0.8, linestyle="dotted")
        axes.set_xscale("log")
        axes.set_xticks(sizes, [str(size) for size in sizes])
        axes.minorticks_off()
        axes.set(xlabel="experts in the pool", ylabel="mean score of r_o(p)")
        _legend_below(axes, [])

    return draw_svg(f"scaling {scaling['table']}", alt, paint, height=4.2)
