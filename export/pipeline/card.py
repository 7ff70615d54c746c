"""The artifact's README.md, written from its own numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..metrics.table import leaderboard, mean_apgr

__all__ = ["write_card"]

RATINGS = """An outcome is a real answer that was checked, judged or graded. A rating is an opinion:
a large language model read the query alone and said, under the written rubric
`export/recipes/everyday_rubric.md`, how likely a demanding user would be satisfied by a model of
each of six sizes. The data's own README says that two raters correlate at 0.90 to 0.93, and a
rating with the real mean score of its size at 0.42 to 0.59 on queries with known outcomes; no
command here computes these four figures."""


def write_card(
    about: Mapping[str, Any], calibration: Mapping[str, Any], limits: Sequence[str] = ()
) -> str:
    """Markdown: what it is, how it was made, what it reaches, what it must not be taken for.

    A sentence stands there only where its step was done; `limits` are those of the outcomes.
    """
    parts = [
        _introduction(about),
        _quality(about["metrics"]),
        _calibration(calibration),
        _parity(about["parity"]) if about.get("parity") else "",
        f"## What it was trained on\n\n{_sources(about)}",
        _limits(limits),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _introduction(about: Mapping[str, Any]) -> str:
    return f"""# {about["name"]}

A router for queries between a small model on the device and larger ones in the cloud: it predicts
how likely each expert's answer is to be good. {about["base_model"]} fine-tuned on the outcome
tables listed below, then {about["quantization"]}.{_probes(about.get("probes", ()))}

Made by `{about["command"]}` on {about["created"]}; every number below comes from that command."""


def _probes(packages: Sequence[str]) -> str:
    if not packages:
        return ""
    return (
        " Its teacher was joined by a probe: kernel ridge regression on the frozen hidden states "
        f"of the language model in `{'`, `'.join(packages)}`."
    )


def _quality(metrics: Mapping[str, Any]) -> str:
    text = f"""## How well it routes

APGR (share of the gap between weak and strong expert that is recovered, averaged over all shares
of strong calls; random is 0.5) with 95 % bootstrap intervals. "Task only" is told the task's name,
the oracle the outcome itself.

{leaderboard(metrics["test"])}"""
    if not metrics.get("teacher"):
        return text
    return f"""{text}

On the mean over these tables the router reaches {mean_apgr(metrics["test"]):.3f}, the
teacher that it was distilled from {mean_apgr(metrics["teacher"]):.3f}:

{_beside_teacher(metrics)}"""


def _calibration(calibration: Mapping[str, Any]) -> str:
    return f"""## Calibration, on the dev split

Temperature {calibration["temperature"]:.3f}, expected calibration error {calibration["ece"]:.3f},
Brier score {calibration["brier"]:.3f}, over the outcomes of the profiles' models.

{_points(calibration)}"""


def _parity(parity: Mapping[str, Any]) -> str:
    return f"""## int8 against fp32, {parity["queries"]} test queries

Mean cosine of representations {parity["mean_cosine"]:.4f}; estimates differ by
{parity["mean_quality_difference"]:.4f} on the mean and {parity["max_quality_difference"]:.3f} at
most. Decisions that flip, per operating point:

{_flips(parity)}"""


def _limits(limits: Sequence[str]) -> str:
    always = (
        (
            "Quality is what the scores of these tables measure, on queries like theirs; for any "
            "other query it is extrapolated."
        ),
        "Prices and speeds of the profiles are assumptions (see the recipe): state your own.",
    )
    return "\n".join(["## Limits", "", *(f"- {limit}" for limit in (*limits, *always))])


def _beside_teacher(metrics: Mapping[str, Any]) -> str:
    pairs = zip(metrics["test"], metrics["teacher"], strict=True)
    rows = [
        f"| {student['table']} | {_value(student)} | {_value(teacher)} |"
        for student, teacher in pairs
    ]
    return "\n".join(["| table | router | teacher |", "|---|---|---|", *rows])


def _value(result: Mapping[str, Any]) -> str:
    return f"{result['apgr']['router'][0]:.3f}"


def _points(calibration: Mapping[str, Any]) -> str:
    points = calibration["operating_points"]
    lines = ["| operating point | price | least quality | what it asks for |", "|---|---|---|---|"]
    lines += [
        f"| {name} | {point['price']:g} | {point['least_quality']:g} | {point['promise']} |"
        for name, point in points.items()
    ]
    return "\n".join([*lines, *_measured(points)])


def _measured(points: Mapping[str, Any]) -> Iterator[str]:
    """What each point did on the dev split, where that is known."""
    if not any(point.get("evidence") for point in points.values()):
        return
    yield ""
    yield "| operating point | experts | tables | queries | dearest asked | quality | expense |"
    yield "|---|---|---|---|---|---|---|"
    for name, point in points.items():
        for experts, groups in point.get("evidence", {}).items():
            for tables, seen in groups.items():
                yield (
                    f"| {name} | {experts} | {tables} | {seen['queries']} "
                    f"| {seen['dearest_asked']:.0%} | {seen['mean_quality']:.3f} "
                    f"| {seen['mean_expense']:.3f} |"
                )


def _flips(parity: Mapping[str, Any]) -> str:
    lines = ["| operating point | worst pair | mean over pairs |", "|---|---|---|"]
    for name, pairs in parity["flip_rate"].items():
        worst = max(pairs, key=pairs.__getitem__)
        mean = sum(pairs.values()) / len(pairs)
        lines.append(f"| {name} | {worst}: {pairs[worst]:.2%} | {mean:.2%} |")
    return "\n".join(lines)


def _sources(about: Mapping[str, Any]) -> str:
    rows = [
        f"| {source['source']} | {source['rows']} | {source.get('evidence', 'outcomes')} "
        f"| {source['origin']} | {source['licence']} |"
        for source in about["training_data"]
        if source["rows"]
    ]
    head = ["| table | train rows | evidence | origin | licence |", "|---|---|---|---|---|"]
    rated = any(source.get("evidence") == "ratings" for source in about["training_data"])
    return "\n".join([*head, *rows]) + (f"\n\n{RATINGS}" if rated else "")
