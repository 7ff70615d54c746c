"""Run an expert over questions with gold answers and keep the outcome of each."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from pathlib import Path

from tqdm import tqdm

from edge_router.backends.base import Backend, Deadline
from edge_router.chat import ChatRequest, Message
from edge_router.errors import BackendUnavailable

from .grade import INSTRUCTIONS, MAX_TOKENS, grade
from .rows import Row

__all__ = ["collect"]

ATTEMPTS = 3
DEADLINE_S = 120.0
KEPT_ANSWER_CHARS = 300


def collect(questions: Iterable[Row], backend: Backend, name: str, out: Path) -> None:
    """Ask `backend` every question and append one outcome row each to the JSON lines file `out`.

    Can be killed at any moment: questions whose id is already in `out` are skipped. An expert that
    fails is asked again, then the row records `failed`, never a wrong answer.
    """
    done = _done(out)
    pending = [row for row in questions if (row["source"], str(row["id"])) not in done]
    with out.open("a", encoding="utf-8") as file:
        for row in tqdm(pending, desc=f"collect {name}", unit="query"):
            file.write(json.dumps(_outcome(row, backend, name), ensure_ascii=False) + "\n")
            file.flush()


def _done(out: Path) -> set[tuple[str, str]]:
    if not out.exists():
        return set()
    whole = out.read_text(encoding="utf-8")
    complete = whole[: whole.rfind("\n") + 1]
    if complete != whole:  # killed inside a line
        out.write_text(complete, encoding="utf-8")
    rows = (json.loads(line) for line in complete.splitlines())
    return {(row["source"], str(row["id"])) for row in rows}


def _outcome(row: Row, backend: Backend, name: str) -> Row:
    """The row with the expert's score, answer, tokens and seconds; without a table's text."""
    kept = {key: row[key] for key in ("source", "id", "qkey", "split", "task", "lang", "metric")}
    if row["source"] == "everyday":
        kept |= {"query": row["query"], "gold": row["gold"]}
    metric = row["metric"]
    question = Message("user", row["query"] + INSTRUCTIONS[metric])
    request = ChatRequest((question,), max_tokens=MAX_TOKENS[metric])
    for _ in range(ATTEMPTS):
        start = time.monotonic()
        try:
            answer = backend.complete(request, deadline=Deadline.after(DEADLINE_S))
        except BackendUnavailable as error:
            failure = str(error)
            continue
        usage = answer.usage
        return kept | {
            "score": {name: grade(metric, answer.text, row["gold"])},
            "answer": {name: answer.text[:KEPT_ANSWER_CHARS]},
            "input_tokens": {name: usage.prompt_tokens if usage else None},
            "output_tokens": {name: usage.completion_tokens if usage else None},
            "latency_s": {name: round(time.monotonic() - start, 3)},
        }
    return kept | {"score": {}, "failed": {name: failure}}
