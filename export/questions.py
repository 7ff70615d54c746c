"""Questions with gold answers, to run an expert on: ours, and a sample of the public ones."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from .everyday import everyday_questions
from .rows import Row, query_key, read_rows, split_of

__all__ = ["gold_questions"]


def gold_questions(data: Path) -> Iterator[Row]:
    """Rows with `gold` and `metric` and no score yet, in a fixed order.

    `data` is the folder that holds `outcomes/open` and `queries`. The sample is by query hash, so
    it is random with respect to the content, and the splits are those of the outcome tables.
    """
    yield from _everyday()
    for make, count in _SAMPLES:
        rows = sorted(make(data), key=lambda row: str(row["qkey"])[::-1])
        yield from islice(rows, count)


def _row(source: str, number: int | str, *, task: str, metric: str, query: str, gold: str) -> Row:
    key = query_key(query)
    return {
        "source": source,
        "id": f"{source}-{number}",
        "qkey": key,
        "split": split_of(key),
        "task": task,
        "lang": "en",
        "query": query,
        "gold": gold,
        "metric": metric,
        "score": {},
    }


def _everyday() -> Iterator[Row]:
    for number, (kind, metric, question, gold) in enumerate(everyday_questions()):
        task = f"everyday/{kind}"
        yield _row("everyday", number, task=task, metric=metric, query=question, gold=gold)


def _table(name: str, metric: str, data: Path) -> Iterator[Row]:
    for row in read_rows(data / "outcomes" / "open" / f"{name}.jsonl.gz"):
        if metric == "letter" or _is_number(row["gold"]):
            yield {**row, "metric": metric, "score": {}, "out_chars": {}}


def _mmlu(data: Path) -> Iterator[Row]:
    return _table("mmlu_test_joint", "letter", data)


def _mmlu_pro(data: Path) -> Iterator[Row]:
    return _table("mmlu_pro_29models", "letter", data)


def _gsm8k(data: Path) -> Iterator[Row]:
    return _table("gsm8k_test_joint", "number", data)


def _math(data: Path) -> Iterator[Row]:
    return _table("math_test_joint", "number", data)


def _bbh(data: Path) -> Iterator[Row]:
    for path in sorted((data / "queries" / "bbh").glob("*.json")):
        for number, example in enumerate(json.loads(path.read_text())["examples"]):
            gold = example["target"]
            metric = _bbh_metric(gold)
            if metric:
                query, name = example["input"], f"{path.stem}-{number}"
                yield _row("bbh", name, task="bbh", metric=metric, query=query, gold=gold)


def _bbh_metric(gold: str) -> str | None:
    if gold.startswith("("):
        return "letter"
    if _is_number(gold):
        return "number"
    return "text" if gold.replace(" ", "").isalpha() else None


def _pubmedqa(data: Path) -> Iterator[Row]:
    text = gzip.decompress((data / "queries/pubmedqa/ori_pqal.json.gz").read_bytes())
    for number, item in json.loads(text).items():
        gold = item["final_decision"]
        query = f"{item['QUESTION']} Answer yes, no or maybe."
        yield _row("pubmedqa", number, task="pubmedqa", metric="text", query=query, gold=gold)


def _simpleqa(data: Path) -> Iterator[Row]:
    text = gzip.decompress((data / "queries/simpleqa/simpleqa_full.csv.gz").read_bytes())
    for number, item in enumerate(csv.DictReader(io.StringIO(text.decode()))):
        query, gold = item["problem"], item["answer"]
        yield _row("simpleqa", number, task="simpleqa", metric="text", query=query, gold=gold)


def _is_number(gold: str) -> bool:
    return gold.lstrip("-").replace(",", "").replace(".", "", 1).isdigit()


_SAMPLES: tuple[tuple[Callable[[Path], Iterator[Row]], int], ...] = (
    (_mmlu, 900),
    (_mmlu_pro, 300),
    (_gsm8k, 250),
    (_math, 120),
    (_bbh, 350),
    (_pubmedqa, 150),
    (_simpleqa, 150),
)
