"""The questions of TO-Router's experiment: four kinds, each with a whole reference answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from edge_router.learning.outcomes.rows import Row, query_key

from ...data.questions import as_published, gsm8k_questions, mbpp_questions, published
from ...data.rows import read_rows

__all__ = ["INSTRUCTIONS", "KINDS", "study_questions"]

INSTRUCTIONS = {
    "science": "\nAnswer with the letter and the text of the correct option.",
    "gsm8k": "\nSolve it in few words and end with the number.",
    "mbpp": "\nAnswer with the Python code only.",
    "pubmedqa": "\nAnswer yes, no or maybe, and say why in one sentence.",
}

MOST_REFERENCE = 150  # characters: about 60 tokens; a likelihood is measured of 64 at most
SCIENCE = (
    "astronomy",
    "conceptual_physics",
    "high_school_biology",
    "high_school_chemistry",
    "high_school_physics",
)
OPTION = re.compile(r"^([A-D])\. (.+)$", re.MULTILINE)


def study_questions(data: Path, count: int) -> list[Row]:
    """`count` questions of each kind, by a hash of their text; fewer where there are fewer.

    A larger count holds the questions of a smaller one. `data` is the folder that holds
    `outcomes/open` and `queries`. Raises BadData.
    """
    rows = []
    for kind, make in KINDS.items():
        with as_published(kind, data):
            made = {row["qkey"][::-1]: row for row in make(data) if _is_short(row)}
        rows += [made[key] | {"borrowed": True} for key in sorted(made)[:count]]
    return rows


def _is_short(row: Row) -> bool:
    return 0 < len(row["reference"]) <= MOST_REFERENCE


def _science(data: Path) -> Iterator[Row]:
    """School science with four options, as ARC has it, from MMLU: ARC's own answers are not in the
    tables at hand."""
    for row in read_rows(data / "outcomes" / "open" / "mmlu_test_joint.jsonl.gz"):
        options = dict(OPTION.findall(row["query"]))
        if row["task"].removeprefix("mmlu/") in SCIENCE and row["gold"] in options:
            yield _question(
                "science",
                row["id"],
                query=row["query"],
                gold=row["gold"],
                metric="letter",
                reference=f"{row['gold']}. {options[row['gold']]}",
                max_tokens=16,
            )


def _maths(data: Path) -> Iterator[Row]:
    for row in gsm8k_questions(data):
        yield _question(
            "gsm8k",
            row["id"],
            query=row["query"],
            gold=row["gold"],
            metric="number",
            reference=row["reference"],
            max_tokens=48,
        )


def _code(data: Path) -> Iterator[Row]:
    for row in mbpp_questions(data):
        yield _question(
            "mbpp",
            row["id"],
            query=row["query"],
            gold=row["gold"],
            metric="code",
            reference=row["reference"].replace("\t", "    "),
            max_tokens=48,
        ) | {"prompt": row["prompt"]}


def _medicine(data: Path) -> Iterator[Row]:
    items = published(data / "queries" / "pubmedqa" / "ori_pqal.json.gz")
    for number, item in items.items():
        decision = item["final_decision"]
        yield _question(
            "pubmedqa",
            f"pubmedqa-{number}",
            query=item["QUESTION"],
            gold=decision,
            metric="text",
            reference=f"{decision.capitalize()}. {item['LONG_ANSWER']}",
            max_tokens=32,
        )


KINDS: Mapping[str, Callable[[Path], Iterator[Row]]] = {
    "science": _science,
    "gsm8k": _maths,
    "mbpp": _code,
    "pubmedqa": _medicine,
}


def _question(
    kind: str,
    name: str,
    *,
    query: str,
    gold: str,
    metric: str,
    reference: str,
    max_tokens: int,
) -> Row:
    return {
        "source": f"to-router/{kind}",
        "id": name,
        "qkey": query_key(query),
        "split": "train",  # folds are drawn when the study reads its rows
        "task": kind,
        "lang": "en",
        "query": query,
        "gold": gold,
        "metric": metric,
        "instruction": INSTRUCTIONS[kind],
        "max_tokens": max_tokens,
        "reference": reference,
        "score": {},
    }
