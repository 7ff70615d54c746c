"""Questions with gold answers to ask experts: shipped ones, and samples of public sets."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edge_router.guards.bounded_file import read_text
from edge_router.guards.json_lines import BadJson, json_lines, json_value
from edge_router.guards.redaction import quoted_json
from edge_router.learning.enrolment.everyday_questions import everyday_questions
from edge_router.learning.outcomes.rows import Row

from .grade import INSTRUCTIONS
from .rows import BadData, BadRow, letters_of, placed_rows, query_key, read_rows, split_of

__all__ = [
    "as_published",
    "bbh_questions",
    "gold_questions",
    "gsm8k_questions",
    "mbpp_questions",
    "own_question",
    "published",
    "read_questions",
    "simpleqa_questions",
    "some_of",
]


def gold_questions(data: Path) -> Iterator[Row]:
    """Rows with `gold` and `metric` and no score yet, in a fixed order.

    Where the query alone would not be asked, `prompt` says what is; `reference` is a whole answer.

    `data` is the folder that holds `outcomes/open` and `queries`. The sample is by query hash, so
    it is random with respect to the content. A question that stands in an outcome table has that
    table's key and split, and questions of the same letters have the same split. None comes twice.
    All but our own are `borrowed`: their text is not ours to copy into a result.
    """
    sides = _sides(data)
    seen: set[str] = set()
    for make, count in ((_everyday, None), *_SAMPLES):
        with as_published(make.__name__.strip("_").removesuffix("_questions"), data):
            sample = _sample(make(data), count, seen)
        seen |= {row["qkey"] for row in sample}
        for row in sample:
            side = sides.setdefault(letters_of(row["query"]), {"split": row["split"]})
            yield row | side | ({} if make is _everyday else {"borrowed": True})


def some_of(
    questions: Sequence[Row], *, sources: Sequence[str] | None, count: int | None
) -> list[Row]:
    """`count` of the questions by their hash, of these `sources` alone, in their own order.

    A larger count holds those of a smaller one. Raises BadData for a source that is not there.
    """
    known = {row["source"] for row in questions}
    if missing := set(sources or ()) - known:
        raise BadData(f"no questions of {sorted(missing)}; there are {sorted(known)}")
    eligible = [row for row in questions if not sources or row["source"] in sources]
    taken = {row["qkey"] for row in sorted(eligible, key=lambda row: row["qkey"][::-1])[:count]}
    return [row for row in eligible if row["qkey"] in taken]


def _sides(data: Path) -> dict[str, Row]:
    """Key and split of every query of the outcome tables, by its letters."""
    paths = sorted((data / "outcomes").glob("*/*.jsonl.gz"))  # the open ones last, they win
    return {
        letters_of(row["query"]): {"qkey": row["qkey"], "split": row["split"]}
        for path in paths
        for row in read_rows(path)
    }


def read_questions(path: Path) -> list[Row]:
    """A user's own questions: JSON lines with `query`, `gold`, `metric` and, if wanted, `task`,
    `id`, `lang`, `prompt`, `reference`. Raises BadRow, and BadData for an empty file."""
    placed = placed_rows(path, ("query", "gold", "metric"))
    rows = [own_question(path, number, *one) for number, one in enumerate(placed, 1)]
    if not rows:
        raise BadData(f"{path} holds no question")
    return rows


def own_question(path: Path, number: int, where: str, row: Row) -> Row:
    """The question in row `number` of a user's file, which stands at `where`. Raises BadRow."""
    if "query" not in row:
        raise BadRow(f'{where} lacks "query"')
    if row["metric"] not in INSTRUCTIONS:
        raise BadRow(f"{where} has metric {row['metric']!r:.80}; known are {[*INSTRUCTIONS]}")
    if row["metric"] == "number" and not _is_number(str(row["gold"]).strip("$ ")):
        raise BadRow(f"{where} has gold {row['gold']!r:.80}, no number, for metric 'number'")
    if row["metric"] == "first" and str(row["gold"]).count("|") != 1:
        raise BadRow(f"{where} has gold {row['gold']!r:.80}; metric 'first' needs right|wrong")
    for name in ("prompt", "reference"):
        if not isinstance(row.get(name, ""), str):
            raise BadRow(f"{where} has {name} {quoted_json(row[name])}; it must be a text")
    source = path.name.split(".")[0]
    made = _row(
        source,
        row.get("id", number),
        task=row.get("task", source),
        metric=row["metric"],
        query=str(row["query"]),
        gold=str(row["gold"]),
    )
    return made | {key: row[key] for key in ("lang", "prompt", "reference") if key in row}


@contextmanager
def as_published(source: str, data: Path) -> Iterator[None]:
    """Raises BadData where the files of a source below `data` have another form than expected."""
    try:
        yield
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise BadData(
            f"the questions of {source} in {data} are not as published ({type(error).__name__}: "
            f"{error!s:.100})"
        ) from None


def _sample(rows: Iterable[Row], count: int | None, seen: set[str]) -> list[Row]:
    """`count` rows by query hash, the first of those that ask the same, none that was `seen`; all
    in their own order without a count."""
    first: dict[str, Row] = {}
    for row in rows:
        if row["qkey"] not in seen:
            first.setdefault(row["qkey"][::-1], row)
    return [first[key] for key in (sorted(first)[:count] if count else first)]


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


def _everyday(_data: Path | None = None) -> Iterator[Row]:
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


def bbh_questions(data: Path) -> Iterator[Row]:
    for path in sorted((data / "queries" / "bbh").glob("*.json")):
        for number, example in enumerate(published(path)["examples"]):
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
    for number, item in published(data / "queries/pubmedqa/ori_pqal.json.gz").items():
        gold = item["final_decision"]
        query = f"{item['QUESTION']} Answer yes, no or maybe."
        yield _row("pubmedqa", number, task="pubmedqa", metric="text", query=query, gold=gold)


def simpleqa_questions(data: Path) -> Iterator[Row]:
    text = read_text(data / "queries/simpleqa/simpleqa_full.csv.gz", BadData)
    for number, item in enumerate(csv.DictReader(io.StringIO(text))):
        query, gold = item["problem"], item["answer"]
        yield _row("simpleqa", number, task="simpleqa", metric="text", query=query, gold=gold)


def gsm8k_questions(data: Path) -> Iterator[Row]:
    for number, item in enumerate(_json_lines(data / "queries/gsm8k/train.jsonl.gz")):
        solution, _, gold = item["answer"].partition("\n#### ")
        name, query = f"train-{number}", item["question"]
        row = _row("gsm8k_train", name, task="math_word", metric="number", query=query, gold=gold)
        yield row | {"reference": re.sub(r"<<.*?>>", "", solution)}


def mbpp_questions(data: Path) -> Iterator[Row]:
    """The model is shown the first test, which names the function; all tests decide."""
    for item in _json_lines(data / "queries/mbpp/mbpp.jsonl.gz"):
        tests = [item["test_setup_code"], *item["test_list"]]
        name, query = item["task_id"], item["text"]
        row = _row("mbpp", name, task="mbpp", metric="code", query=query, gold="\n".join(tests))
        shown = f"{query}\nIt must pass this test:\n{item['test_list'][0]}"
        yield row | {"prompt": shown, "reference": item["code"].replace("\r", "")}


def _json_lines(path: Path) -> Iterator[Row]:
    for _, row in json_lines(path, BadData):
        yield row


def published(path: Path) -> Any:
    """The single JSON value of a file. Raises BadData."""
    try:
        return json_value(read_text(path, BadData))
    except BadJson as error:
        raise BadData(f"{path} {error}") from None


def _is_number(gold: str) -> bool:
    return gold.lstrip("-").replace(",", "").replace(".", "", 1).isdigit()


_SAMPLES: tuple[tuple[Callable[[Path], Iterator[Row]], int], ...] = (
    (_mmlu, 2750),
    (_mmlu_pro, 500),
    (_gsm8k, 250),
    (_math, 120),
    (bbh_questions, 2000),
    (_pubmedqa, 900),
    (simpleqa_questions, 950),
    (gsm8k_questions, 150),
    (mbpp_questions, 150),
)
