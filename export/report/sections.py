"""The sections of an evaluation that both printers print, the leaderboard first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from edge_router.learning.page.content import Figure, Section, Table, interval_text, number_text

from .line_styles import Look, contender_looks
from .pair_sections import calibration_section, muted_rows, pair_section
from .plots import leaderboard_plot, scaling_plot, trilemma_plot
from .pool_sections import allocation_section, pool_sections

__all__ = ["introduction", "sections"]

Json = Mapping[str, Any]
Looks = Mapping[str, Look]

MEANINGS = {
    "APGR": "APGR is the share of the gap between weak and strong expert that is closed, averaged "
    "over all shares of strong calls; random is 0.5.",
    "V_B": "V_B is the mean score of the experts chosen over that of the pool's best single "
    "expert; above 1, choosing pays.",
}
READING = """\
Queries go to the strong expert in the order of a router's expected gain. PGR is the share of the
gap between weak and strong expert that is recovered at a share of strong calls, APGR its mean over
all shares: random is 0.5. CPT(x) is the smallest share of strong calls that recovers x of the gap
(RouteLLM, Ong et al. 2024). AIQ is the mean height of the non-decreasing convex hull of cost and
quality (RouterBench, Hu et al. 2024).

mu_o is the mean score of the experts chosen, V_R its ratio to the reference expert, V_B to the best
single expert of the pool, E_p an entropy in bits: the mean of the router's own distribution, or,
where it states none, of the shares of queries that it sends to each expert (RouterEval, Huang et
al. 2025). Without any threshold, a router chooses the expert it wants most.

Random has no order; prompt length sends the longest first; task only is told the task's kind; best
single is the best expert of the train rows. Oracle and r_o(0.5) are told the outcomes: no router
reaches them, and they have no rank.

A star marks contenders that are level with the first: the 95 % interval of their difference on the
same resamples (a paired bootstrap) holds 0.
"""


def introduction(evaluation: Json) -> str:
    """One paragraph: what was compared, on what, and how it can be repeated."""
    tasks = evaluation["tasks"]
    versions = ", ".join(f"{name} {version}" for name, version in evaluation["versions"].items())
    return (
        f"{len(evaluation['contenders'])} contenders on {len(tasks)} tasks, on the test split. "
        f"Intervals are 95 % bootstrap intervals of {evaluation['repeats']} resamples of the "
        f"rows; seed {evaluation['seed']}; {versions}; {evaluation['created']}. "
        "A dash means: not known, or not defined."
    )


def sections(evaluation: Json) -> list[Section]:
    """Sections in the order of reading; those without content are left out."""
    looks = contender_looks(evaluation)
    tasks = evaluation["tasks"]
    pairs = [task for task in tasks if task["kind"] == "pair"]
    parts = [
        _leaderboard(
            "Leaderboard",
            "APGR",
            evaluation["leaderboard"],
            pairs,
            looks,
            apart=_both_kinds(evaluation),
        ),
        _against(evaluation["subject"], evaluation["leaderboard"], pairs, looks),
        *(pair_section(task, looks) for task in pairs),
        allocation_section(tasks, looks),
        calibration_section(pairs, looks),
        _leaderboard("Pools", "V_B", evaluation["pool_leaderboard"], [], looks),
        *pool_sections(tasks, looks, evaluation.get("pool_groups", ())),
        *(_to_router(task) for task in tasks if task["to_router"]),
        *(_scaling(one) for one in evaluation["scaling"]),
        Section("How to read this", _paragraphs(READING)),
        _contenders(evaluation),
    ]
    return [section for section in parts if section.blocks or section.text]


def _paragraphs(text: str) -> tuple[str, ...]:
    return tuple(" ".join(part.split()) for part in text.split("\n\n"))


def _both_kinds(evaluation: Json) -> Mapping[str, Mapping[str, Any]]:
    """Means of everyday and of exam tables by contender; nothing where only one kind is there."""
    boards: Mapping[str, Sequence[Json]] = evaluation.get("apart", {})
    if not boards or not all(boards.values()):
        return {}
    return {
        kind: {row["contender"]: row["mean"] for row in board} for kind, board in boards.items()
    }


def _leaderboard(
    title: str,
    measure: str,
    board: Sequence[Json],
    tasks: Sequence[Json],
    looks: Looks,
    *,
    apart: Mapping[str, Mapping[str, Any]] | None = None,
) -> Section:
    """Means over tasks, and each task's own value, starred where level with its first.

    `apart` are means of some of the tasks only, by their name and contender.
    """
    if not board:
        return Section(title, ())
    count = board[0]["tasks"]
    what = f"{count} of {len(tasks)} tables that have a gap" if tasks else f"{count} pools"
    text = f"Mean {measure} over {what}; rows are resampled within each. {MEANINGS[measure]}"
    alt = f"{title}: mean {measure} of every contender with its 95 % interval, the best on top."
    figure = Figure(
        f"Mean {measure}", alt, partial(leaderboard_plot, board, f"mean {measure}", looks, alt)
    )
    table = _leaderboard_table(measure, board, tasks, looks, means=apart or {})
    return Section(title, (text,), (table, figure))


def _leaderboard_table(
    measure: str,
    board: Sequence[Json],
    tasks: Sequence[Json],
    looks: Looks,
    *,
    means: Mapping[str, Mapping[str, Any]],
) -> Table:
    header = (
        "contender",
        "rank",
        f"mean {measure}",
        *(f"mean {measure}, {kind}" for kind in means),
        "behind the first",
    )
    rows = tuple(
        (
            row["contender"],
            str(row["rank"] or "-"),
            interval_text(row["mean"]) + _star(row),
            *(interval_text(mean.get(row["contender"])) for mean in means.values()),
            interval_text(row["behind_first"]),
            *(_starred(task["results"][row["contender"]], task["measure"]) for task in tasks),
        )
        for row in board
    )
    return Table(
        f"Ranked by mean {measure}",
        (*header, *(task["name"] for task in tasks)),
        rows,
        muted_rows([row["contender"] for row in board], looks),
    )


def _against(subject: str, board: Sequence[Json], tasks: Sequence[Json], looks: Looks) -> Section:
    """How far every other contender lies behind the subject, on the mean and per table."""
    others = [row for row in board if row["contender"] != subject and row["behind_subject"]]
    if not others:
        return Section("", ())
    rows = tuple(
        (
            row["contender"],
            interval_text(row["behind_subject"]),
            *(interval_text(task["results"][row["contender"]]["behind_subject"]) for task in tasks),
        )
        for row in others
    )
    text = (
        f"APGR of each contender less that of {subject}, on the same resamples: below 0 where "
        f"{subject} is better, and surely so where the whole 95 % interval is."
    )
    table = Table(
        f"APGR less that of {subject}",
        ("contender", "mean", *(task["name"] for task in tasks)),
        rows,
        muted_rows([row["contender"] for row in others], looks),
    )
    return Section(f"Against {subject}", (text,), (table,))


def _starred(result: Json, measure: str) -> str:
    ends = result.get(measure)
    return number_text(ends[0]) + _star(result) if ends else "-"


def _star(row: Json) -> str:
    return " *" if row["level_with_first"] else ""


def _to_router(task: Json) -> Section:
    """TO-Router's table 1."""
    header = ("who answers", "total cost", "tokens/s", "similarity", "NLL", "score")
    rows = tuple(
        (
            row["name"],
            "-" if row["cost_usd"] is None else f"${row['cost_usd']:.4f}",
            number_text(row["tokens_per_s"], 1),
            number_text(row["similarity"]),
            number_text(row["nll"]),
            number_text(row["score"]),
        )
        for row in task["to_router"]
    )
    experts = frozenset(n for n, row in enumerate(task["to_router"]) if row["kind"] == "expert")
    text = (
        "Experts alone (grey), then contenders: dollars for all test queries, mean output tokens "
        "per second, mean similarity to the reference answer (BERTSim) and mean negative "
        "log-likelihood of the reference answer's tokens (TO-Router, Stripelis et al. 2024). The "
        "two kinds of Optimal: the most similar answer to every query; and the best of each column "
        "that an expert or a router reached. Where tokens were not counted, characters / 4 stand "
        "in for them."
    )
    title = f"Cost and speed: {task['name']}"
    table = Table("Experts alone, then contenders", header, rows, experts)
    return Section(title, (text,), (table, *_trilemma(task)))


def _trilemma(task: Json) -> tuple[Figure, ...]:
    """TO-Router's figure 4, of the rows whose cost, speed and similarity are known."""
    axes = ("cost_usd", "tokens_per_s", "similarity")
    rows = [row for row in task["to_router"] if all(row[axis] is not None for axis in axes)]
    if not rows:
        return ()
    alt = (
        f"Total cost against tokens per second on {task['name']}, coloured by similarity, of every "
        "expert, router and bound; the numbers are in the table above."
    )
    draw = partial(trilemma_plot, rows, task["name"], alt)
    return (Figure("Cost, speed and similarity", alt, draw),)


def _scaling(scaling: Json) -> Section:
    """RouterEval's figure 2 with its numbers."""
    alt = (
        f"Mean score of r_o(p) on {scaling['table']} over the number of experts, for p from 0 "
        "(random) to 1 (oracle)."
    )
    header = ("p", *(f"m = {size}" for size in scaling["sizes"]))
    rows = tuple(
        (f"{p:g}", *(number_text(value) for value in means))
        for p, means in zip(scaling["probabilities"], scaling["mean"], strict=True)
    )
    text = (
        f"Mean score over {scaling['pools']} random pools of m of {scaling['experts']} experts, on "
        f"{scaling['rows']} rows. r_o(p) is the oracle with probability p, else random. The best "
        f"single expert scores {scaling['best_single']:.3f}."
    )
    return Section(
        f"Scaling: {scaling['table']}",
        (text,),
        (
            Figure("Mean score by pool size", alt, partial(scaling_plot, scaling, alt)),
            Table(f"Mean score on {scaling['table']}", header, rows),
        ),
    )


def _contenders(evaluation: Json) -> Section:
    rows = tuple((one["name"], one["side"], one["source"]) for one in evaluation["contenders"])
    return Section("Contenders", (), (Table("Who took part", ("name", "side", "source"), rows),))
