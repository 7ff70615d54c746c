"""Report sections on pools of experts and on the share of queries each expert gets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from edge_router.learning.page.content import Figure, Section, Table, number_text

from .line_styles import Look
from .pair_sections import CHOICE, interval_columns, muted_rows, result_table
from .plots import allocation_heat_map

__all__ = ["allocation_section", "pool_sections"]

Json = Mapping[str, Any]
Looks = Mapping[str, Look]

MEANING = {
    "all-strong": "from the strongest fifth",
    "all-weak": "from the weakest fifth",
    "strong-to-weak": "one from each slice from weak to strong",
}


def pool_sections(
    tasks: Sequence[Json], looks: Looks, groups: Sequence[Json] = ()
) -> list[Section]:
    """One section of each table with its means over groups, then one per pool (RouterEval, 4.2)."""
    tables = dict.fromkeys(group["table"] for group in groups)
    return [
        *(_means(name, [one for one in groups if one["table"] == name], looks) for name in tables),
        *(_pool(task, looks) for task in tasks if task["kind"] != "pair"),
    ]


def _means(table: str, groups: Sequence[Json], looks: Looks) -> Section:
    """RouterEval's table 1 for one table of outcomes."""
    text = (
        "Means over the groups that the table has experts for, as in RouterEval's tables. V_R "
        f"compares with {groups[0]['reference']}. " + " ".join(map(_made_of, groups))
    )
    return Section(f"Pools of {table}", (text,), tuple(_means_table(one, looks) for one in groups))


def _means_table(group: Json, looks: Looks) -> Table:
    """The best mean score first."""
    results = group["results"]
    names = sorted(results, key=lambda name: (-(results[name]["mu_o"] or 0.0), name))
    return Table(
        f"Pools of {group['size']}",
        ("contender", *CHOICE),
        tuple(
            (name, *(number_text(results[name][measure]) for measure in CHOICE.values()))
            for name in names
        ),
        muted_rows(names, looks),
    )


def _made_of(group: Json) -> str:
    return f"Pools of {group['size']}: {', '.join(group['groups'])}."


def _pool(task: Json, looks: Looks) -> Section:
    experts = ", ".join(
        f"{name} {score:.3f}"
        for name, score in zip(task["experts"], task["expert_scores"], strict=True)
    )
    text = (
        f"{len(task['experts'])} experts {MEANING[task['kind']]}, chosen for the best oracle on "
        f"the train rows: {experts}. {task['rows']['test']} test rows. V_R compares with "
        f"{task['reference']}."
    )
    columns = interval_columns(CHOICE | {"V_B behind the first": "behind_first", "AIQ": "aiq"})
    return Section(
        task["name"],
        (text,),
        (
            result_table("Choosing an expert", task, columns, looks),
            _heat_map(task, looks),
            result_table("Queries sent to each expert", task, _counts(task), looks, folded=True),
        ),
    )


def _counts(task: Json) -> dict[str, Any]:
    return {name: partial(_count, at) for at, name in enumerate(task["experts"])}


def _count(at: int, result: Json) -> str:
    return f"{result['allocation'][at]:.0f}"


def _heat_map(task: Json, looks: Looks) -> Figure:
    shares = {
        name: [count / task["rows"]["test"] for count in result["allocation"]]
        for name, result in _in_order(task["results"], looks)
    }
    alt = f"Share of the queries of {task['name']} that each contender sends to each expert."
    draw = partial(allocation_heat_map, task["name"], shares, task["experts"], alt)
    return Figure("Share of queries sent to each expert, %", alt, draw)


def _in_order(results: Json, looks: Looks) -> list[tuple[str, Any]]:
    return sorted(results.items(), key=lambda item: list(looks).index(item[0]))


def allocation_section(tasks: Sequence[Json], looks: Looks) -> Section:
    """Over all pairs: how much of each table a contender sends to the strong expert."""
    pairs = [task for task in tasks if task["kind"] == "pair"]
    if not pairs:
        return Section("Calls to the strong expert", ())
    shares = {
        name: [task["results"][name]["allocation"][1] / task["rows"]["test"] for task in pairs]
        for name, _ in _in_order(pairs[0]["results"], looks)
    }
    tables = [task["name"] for task in pairs]
    alt = "Share of each table's test queries for which a contender prefers the strong expert."
    draw = partial(allocation_heat_map, "pairs", shares, tables, alt)
    rows = tuple((name, *(f"{share:.1%}" for share in row)) for name, row in shares.items())
    return Section(
        "Calls to the strong expert",
        ("Where each contender's own utilities prefer it; no threshold is tuned.",),
        (
            Figure("Queries sent to the strong expert, %", alt, draw),
            Table("Share sent to the strong expert", ("contender", *tables), rows, folded=True),
        ),
    )
