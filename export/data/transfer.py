"""Questions without outcomes, of which a student learns its teacher's opinion."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from edge_router.guards.bounded_file import read_text
from edge_router.guards.json_lines import json_lines
from edge_router.learning.outcomes.rows import query_key

from .outcome_set import OutcomeSet
from .questions import (
    as_published,
    bbh_questions,
    gsm8k_questions,
    published,
    simpleqa_questions,
)
from .rows import BadData, letters_of, split_of

__all__ = ["transfer_texts"]


def transfer_texts(data: Path, counts: Mapping[str, int], outcomes: OutcomeSet) -> list[str]:
    """At most `counts[source]` questions of each source below `data`/queries, chosen by their hash.

    None that stands in `outcomes`, and none whose hash belongs to the dev or test split. Raises
    BadData for a source that is not known, or a file that is not as published.
    """
    seen = {letters_of(text) for text in outcomes.texts}
    texts: list[str] = []
    for source, count in counts.items():
        if source not in _SOURCES:
            raise BadData(f"no questions to transfer from {source!r}; there are {[*_SOURCES]}")
        with as_published(source, data):
            texts += _some(_SOURCES[source](data / "queries"), count, seen)
    return texts


def _some(questions: Iterator[str], count: int, seen: set[str]) -> list[str]:
    new: dict[str, str] = {}
    for text in questions:
        key, letters = query_key(text), letters_of(text)
        if letters and letters not in seen and split_of(key) == "train":
            seen.add(letters)
            new[key[::-1]] = text
    return [new[key] for key in sorted(new)[:count]]


def _clinc150(folder: Path) -> Iterator[str]:
    content = published(folder / "clinc150" / "data_full.json.gz")
    for text, _intent in content["train"] + content["oos_train"]:
        yield text


def _banking77(folder: Path) -> Iterator[str]:
    text = read_text(folder / "banking77" / "train.csv.gz", BadData)
    yield from (row["text"] for row in csv.DictReader(io.StringIO(text)))


def _slurp(folder: Path) -> Iterator[str]:
    for _, row in json_lines(folder / "slurp" / "slurp_devel_test.jsonl.gz", BadData):
        yield row["query"]


def _snips(folder: Path) -> Iterator[str]:
    for path in sorted((folder / "snips").glob("train_*.json")):
        (examples,) = published(path).values()
        for example in examples:
            yield "".join(part["text"] for part in example["data"]).strip()


def _of(questions: Callable[[Path], Iterator[Any]]) -> Callable[[Path], Iterator[str]]:
    return lambda folder: (row["query"] for row in questions(folder.parent))


_SOURCES: Mapping[str, Callable[[Path], Iterator[str]]] = {
    "clinc150": _clinc150,
    "banking77": _banking77,
    "slurp": _slurp,
    "snips": _snips,
    "bbh": _of(bbh_questions),
    "simpleqa": _of(simpleqa_questions),
    "gsm8k": _of(gsm8k_questions),
}
