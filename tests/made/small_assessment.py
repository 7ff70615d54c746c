"""A small data folder with every table that an assessment reads, and a setting on it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from edge_router.export.data.rows import write_rows
from edge_router.export.evaluation.assessment import Setting
from edge_router.export.evaluation.assessment.pool_plans import (
    GSM8K_SIZES,
    MMLU_PRO_SIZES,
    ROUTERBENCH_SIZES,
)
from edge_router.export.evaluation.assessment.setting import POINTS
from edge_router.export.evaluation.assessment.subject import SIZES

Row = dict[str, Any]

QUESTIONS = (
    "What is the capital of France?",
    "Prove that e is irrational.",
    "hi there",
    "Write a haiku about rain in the hills.",
    "Was kostet ein Kilo Mehl?",
    "Explain why the sky is blue, in three paragraphs with formulas.",
    "turn on the lights",
    "Sort this list: 3, 1, 2.",
)
SPLITS = ("train", "dev", "dev", "test")
MMLU_PRO_OTHERS = ("Mixtral-8x7B-Instruct-v0.1", "gemini-1.5-flash-002")
IFEVAL = [f"Qwen2.5-{size}-Instruct-GPTQ-Int4" for size in ("0.5B", "1.5B", "3B", "7B")]
HOME = ["llama3.2-1b", "qwen2.5-32b", "qwen3-1.7b", "gpt-4.1", "llama3.2-3b", "llama3.3"]


def small_setting(data: Path, work: Path, **changes: Any) -> Setting:
    """The shipped router on the dev split of `data`, with few resamples and evaluations."""
    setting = Setting.of("router-small", data, split="dev", work=work, evaluations=4, repeats=20)
    recipe = replace(setting.recipe, own_outcomes=())
    return replace(setting, recipe=recipe, points=POINTS, **changes)


def write_small_data(folder: Path) -> Path:
    """All tables and commands; scores grow with size and fall with the length of the query."""
    sizes = [f"rated/{size}" for size in SIZES]
    _write(folder, "open/everyday_rated", _rows("rated", sizes, everyday=True))
    _write(folder, "open/everyday_rated_more", _rows("more", sizes, everyday=True))
    _write(folder, "open/everyday_pairs_made", list(_pairs(sizes)))
    judged = ["SmolLM2-135M-Instruct-Q4_1"]
    _write(folder, "open/everyday_judged_135m", _rows("judged", judged))
    _write(folder, "open/everyday_judged_8models", _rows("eight", [*judged, "gpt-4"]))
    _write(folder, "open/tengu_en_6sizes", _rows("tengu", [f"class/{size}" for size in SIZES]))
    _write(folder, "open/m_ifeval_17models", _rows("ifeval", [*IFEVAL, "gpt-4o-2024-08-06"]))
    home = _rows("home", [*HOME, "llama3.1", "gpt-4o"])
    _write(folder, "open/home_assistant_60models", home)
    exam = [*MMLU_PRO_SIZES.values(), *MMLU_PRO_OTHERS]
    _write(folder, "open/mmlu_pro_29models", _rows("mmlu", exam))
    sums = [*GSM8K_SIZES.values(), "zeroeval/gpt-4o-mini-2024-07-18"]
    _write(folder, "open/gsm8k_test_joint", _rows("gsm", sums))
    bench = _rows("bench", [expert for expert, _ in ROUTERBENCH_SIZES], dollars=True)
    _write(folder, "evaluate_only/routerbench_arc_mbpp_11models", bench)
    return folder


def write_commands(folder: Path) -> None:
    """CLINC150 and BANKING77 with two intents of one domain."""
    clinc, banking = folder / "queries" / "clinc150", folder / "queries" / "banking77"
    clinc.mkdir(parents=True)
    banking.mkdir(parents=True)
    said = [(f"what is my balance {n}", "balance") for n in range(4)]
    said += [(f"freeze my account {n}", "freeze_account") for n in range(4)]
    parts = dict.fromkeys(("train", "val", "test"), said)
    with gzip.open(clinc / "data_full.json.gz", "wt", encoding="utf-8") as file:
        json.dump(parts, file)
    domains = {"banking": ["balance", "freeze_account"]}
    (clinc / "domains.json").write_text(json.dumps(domains), encoding="utf-8")
    lines = ["text,category", *(f"{text},{intent}" for text, intent in said)]
    (banking / "test.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _rows(
    name: str, experts: Sequence[str], *, everyday: bool = False, dollars: bool = False
) -> list[Row]:
    """Forty rows: every question in five versions."""
    rows = []
    for number in range(40):
        query = f"{QUESTIONS[number % len(QUESTIONS)]} ({name} {number // len(QUESTIONS)})"
        row: Row = {
            "qkey": f"{name}-{number}",
            "split": SPLITS[number // 2 % 4],
            "task": f"everyday/kind{number % 2}" if everyday else f"{name}/kind{number % 2}",
            "lang": "de" if "Mehl" in query else "en",
            "query": query,
            "score": {expert: _score(at, experts, query) for at, expert in enumerate(experts)},
            "out_chars": dict.fromkeys(experts, 40 + number),
        }
        if everyday:
            row |= {"answer_tokens": 10 + number, "needs_tools": "lights" in query}
        if dollars:
            row["cost_usd"] = {expert: 0.001 * 2**at for at, expert in enumerate(experts)}
        rows.append(row)
    return rows


def _score(at: int, experts: Sequence[str], query: str) -> float:
    hard = min(len(query), 80) / 100
    return round(min(1.0, max(0.0, 0.2 + (at + 1) / len(experts) - hard)), 3)


def _pairs(sizes: Sequence[str]) -> Iterator[Row]:
    for number, row in enumerate(_rows("pair", sizes, everyday=True)):
        split = SPLITS[number // 4 % 4]
        yield row | {"pair": str(number // 2), "harder": number % 2 == 1, "split": split}


def _write(folder: Path, table: str, rows: Sequence[Row]) -> None:
    path = folder / "outcomes" / f"{table}.jsonl.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_rows(path, rows)
