"""Report sections on a pair of experts: order, choice, languages, lengths, calibration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from edge_router.learning.page.content import Figure, Section, Table, interval_text, number_text

from .line_styles import Look
from .plots import cost_quality_plot, reliability_plot

__all__ = [
    "CHOICE",
    "Columns",
    "calibration_section",
    "interval_columns",
    "muted_rows",
    "pair_section",
    "result_table",
]

Json = Mapping[str, Any]
Looks = Mapping[str, Look]
Columns = Mapping[str, Callable[[Json], str]]

ORDER = {
    "APGR": "apgr",
    "behind the first": "behind_first",
    "CPT(50 %)": "cpt50",
    "CPT(80 %)": "cpt80",
    "PGR at 20 % calls": "pgr20",
    "PGR at 50 % calls": "pgr50",
    "AIQ": "aiq",
}
CHOICE = {"mu_o": "mu_o", "V_R": "v_r", "V_B": "v_b", "E_p (bits)": "e_p"}


def result_table(
    title: str, task: Json, columns: Columns, looks: Looks, *, folded: bool = False
) -> Table:
    """One row per contender, the best first by the task's measure; columns that say nothing go."""
    results = sorted(task["results"].items(), key=lambda item: _rank(item[1], task["measure"]))
    cells = {head: [column(result) for _, result in results] for head, column in columns.items()}
    kept = {head: column for head, column in cells.items() if set(column) != {"-"}}
    names = [name for name, _ in results]
    return Table(
        title,
        ("contender", *kept),
        tuple(zip(names, *kept.values(), strict=True)),
        muted_rows(names, looks),
        folded,
    )


def _rank(result: Json, measure: str) -> float:
    return -result[measure][0] if result.get(measure) else float("inf")


def muted_rows(names: Sequence[str], looks: Looks) -> frozenset[int]:
    """Rows of baselines and bounds."""
    return frozenset(number for number, name in enumerate(names) if not looks[name].compared)


def interval_columns(columns: Mapping[str, str]) -> dict[str, Callable[[Json], str]]:
    """Columns of values with their intervals, by header."""
    return {head: partial(_interval_cell, field) for head, field in columns.items()}


def _interval_cell(field: str, result: Json) -> str:
    return interval_text(result.get(field))


def pair_section(task: Json, looks: Looks) -> Section:
    """One table's pair: how well queries are ordered, and what is chosen."""
    weak, strong = task["experts"]
    low, high = task["expert_scores"]
    rows = task["rows"]
    gap = high - low
    text = (
        f"{weak} (weak) scores {low:.3f}, {strong} (strong) {high:.3f} on {rows['test']} test rows "
        f"({rows['train']} train, {rows['dev']} dev)."
    )
    notes = [text] if gap > 0 else [text, "There is no gap to recover: APGR is not defined."]
    tables = (
        result_table("Ordering the queries", task, interval_columns(ORDER), looks),
        result_table("Choosing an expert", task, _choice_columns(task), looks, folded=True),
        *_group_tables(task, looks),
    )
    telling = [table for table in tables if len(table.header) > 1]
    return Section(task["name"], tuple(notes), (*_curves(task, looks), *telling))


def _curves(task: Json, looks: Looks) -> list[Figure]:
    weak, strong = task["experts"]
    curves = [result["curve"] for result in task["results"].values() if result["curve"]]
    alt = (
        f"Cost-quality curves on {task['name']}: mean score from {weak} alone to {strong} alone, "
        "one line per contender; the values at 20 and 50 % are in the table below."
    )
    draw = partial(cost_quality_plot, task, looks, alt)
    figures = [Figure("Mean score by share of strong calls", alt, draw)]
    if any(curve["cost_usd"] for curve in curves):
        alt = alt.replace("mean score", "mean score by dollars")
        figures.append(
            Figure(
                "Mean score by cost",
                alt,
                partial(cost_quality_plot, task, looks, alt, dollars=True),
            )
        )
    return figures


def _choice_columns(task: Json) -> Columns:
    counts = {f"to {name}": partial(_count_cell, at) for at, name in enumerate(task["experts"])}
    return interval_columns(CHOICE) | counts


def _count_cell(at: int, result: Json) -> str:
    return f"{result['allocation'][at]:.0f}"


def _group_tables(task: Json, looks: Looks) -> list[Table]:
    """APGR by language, where there is more than one, and by length."""
    tables = []
    for field, title in (("languages", "APGR by language"), ("lengths", "APGR by query length")):
        groups: list[Json] = next((r[field] for r in task["results"].values() if r[field]), [])
        columns = {
            f"{group['name']} (n = {group['rows']})": partial(_group_cell, field, at)
            for at, group in enumerate(groups)
        }
        if len(columns) > 1:
            tables.append(result_table(title, task, columns, looks, folded=True))
    return tables


def _group_cell(field: str, at: int, result: Json) -> str:
    return interval_text(result[field][at]["apgr"]) if result[field] else "-"


def calibration_section(tasks: Sequence[Json], looks: Looks) -> Section:
    """Whether probabilities keep what they say, for contenders that state probabilities."""
    blocks: list[Table | Figure] = []
    for task in tasks:
        columns = {
            "ECE": partial(_calibration_cell, "ece"),
            "Brier": partial(_calibration_cell, "brier"),
        }
        stating = {name: r for name, r in task["results"].items() if r["calibration"]}
        if not stating:
            continue
        alt = (
            f"Reliability on {task['name']}: mean score over predicted quality in 15 bins, against "
            "the diagonal of perfect calibration."
        )
        blocks.append(
            Figure(
                f"Reliability on {task['name']}", alt, partial(reliability_plot, task, looks, alt)
            )
        )
        blocks.append(result_table(task["name"], {**task, "results": stating}, columns, looks))
    text = (
        "ECE is the mean distance of predicted quality and score over 15 bins of equal width, "
        "Brier their mean squared distance, over all experts of the task."
    )
    return Section("Calibration", (text,) if blocks else (), tuple(blocks))


def _calibration_cell(field: str, result: Json) -> str:
    return number_text(result["calibration"][field])
