"""Joins outcome tables into one training set: texts, task kinds and a matrix of scores."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge_router.chat.completion import CHARACTERS_PER_TOKEN, ChatRequest
from edge_router.learning.outcomes.rows import Row, query_key
from edge_router.routing.arrays import Bools, Float32s
from edge_router.routing.artifact.text import router_input

from .kinds import UNKNOWN, TaskKinds
from .questions import gold_questions
from .rows import BadData, letters_of, read_rows

__all__ = [
    "TRANSFER",
    "OutcomeSet",
    "load_outcomes",
    "load_tables",
    "outcome_set",
    "read_tables",
    "with_groups",
    "with_unanswered",
]


TRANSFER = "transfer"  # the table of queries without outcomes
MEASURED = (
    "score",
    "input_tokens",
    "output_tokens",
    "cost_usd",
    "ttft_s",
    "latency_s",
    "similarity",
    "nll",
    "confidence",
)


@dataclass(frozen=True, slots=True)
class OutcomeSet:
    """Queries with known outcomes.

    `scores` (queries, experts) in 0..1 and `log_tokens` (queries, experts), the natural logarithm
    of answer lengths in tokens; `needs_tools` (queries,) 1 where no model can answer without live
    data or a device, else 0; all NaN where not known. `kinds` are the task kinds by name
    (`kinds.UNKNOWN` where nothing says it), `tables` the file each row came from, `langs` the
    queries' languages (ISO 639-1), `characters` their lengths before any cut.
    """

    texts: tuple[str, ...]
    qkeys: tuple[str, ...]
    splits: npt.NDArray[np.str_]
    tables: npt.NDArray[np.str_]
    kinds: npt.NDArray[np.str_]
    langs: npt.NDArray[np.str_]
    characters: npt.NDArray[np.int64]
    experts: tuple[str, ...]
    scores: Float32s
    log_tokens: Float32s
    needs_tools: Float32s

    def __len__(self) -> int:
        return len(self.texts)

    def where(self, keep: Bools) -> OutcomeSet:
        """Only the rows at which `keep` (queries,) is true; the experts stay as they are."""
        return OutcomeSet(
            tuple(np.array(self.texts, dtype=object)[keep]),
            tuple(np.array(self.qkeys, dtype=object)[keep]),
            self.splits[keep],
            self.tables[keep],
            self.kinds[keep],
            self.langs[keep],
            self.characters[keep],
            self.experts,
            self.scores[keep],
            self.log_tokens[keep],
            self.needs_tools[keep],
        )

    def split(self, name: str) -> OutcomeSet:
        return self.where(self.splits == name)

    def column(self, expert: str) -> Float32s:
        """One expert's scores (queries,), NaN where not known."""
        return self.scores[:, self.experts.index(expert)]


def load_outcomes(
    data: Path, own: Sequence[Path], max_chars: int, *, folder: str = "open"
) -> OutcomeSet:
    """`load_tables` as one set. Raises BadRow, and BadData for what no router can be made from."""
    return outcome_set(load_tables(data, own, folder=folder), max_chars)


def load_tables(data: Path, own: Sequence[Path], *, folder: str = "open") -> dict[str, list[Row]]:
    """All tables of `data`/outcomes/`folder` and our own outcome files, joined with their queries.

    Raises BadRow, and BadData when there is no table.
    """
    paths = sorted((data / "outcomes" / folder).glob("*.jsonl*"))
    if not paths:
        raise BadData(f"no outcome tables in {data / 'outcomes' / folder}; give the folder above")
    tables = read_tables(paths)
    texts = {row["qkey"]: row["query"] for rows in tables.values() for row in rows}
    if own and (data / "queries").is_dir():
        texts |= {row["qkey"]: row["query"] for row in gold_questions(data)}
    known = {_identity(row): row for rows in tables.values() for row in rows}
    for path in own:
        measured = [row for row in read_rows(path, texts) if row["score"]]
        tables[_table_name(path)] = [
            row for row in measured if not _merged(row, known.get(_identity(row)))
        ]
    return tables


def read_tables(paths: Sequence[Path]) -> dict[str, list[Row]]:
    """The rows of outcome files by table, which is the file's name. Raises BadRow."""
    return {_table_name(path): list(read_rows(path)) for path in paths}


def outcome_set(tables: Mapping[str, Sequence[Row]], max_chars: int) -> OutcomeSet:
    """Checked rows by table as one set.

    Raises BadData when a table is empty, or a query stands in two splits.
    """
    _refuse_faults(tables)
    return _arrange(tables, max_chars)


def with_unanswered(outcomes: OutcomeSet, texts: Sequence[str], max_chars: int) -> OutcomeSet:
    """`outcomes`, and behind them `texts` without any outcome as train rows of a table TRANSFER."""
    rows: list[Row] = [
        {"query": text, "qkey": query_key(text), "split": "train", "task": UNKNOWN, "score": {}}
        for text in texts
    ]
    more = _arrange({TRANSFER: rows}, max_chars)
    unknown = np.full((len(rows), len(outcomes.experts)), np.nan, dtype=np.float32)
    return OutcomeSet(
        texts=outcomes.texts + more.texts,
        qkeys=outcomes.qkeys + more.qkeys,
        splits=np.concatenate([outcomes.splits, more.splits]),
        tables=np.concatenate([outcomes.tables, more.tables]),
        kinds=np.concatenate([outcomes.kinds, more.kinds]),
        langs=np.concatenate([outcomes.langs, more.langs]),
        characters=np.concatenate([outcomes.characters, more.characters]),
        experts=outcomes.experts,
        scores=np.concatenate([outcomes.scores, unknown]),
        log_tokens=np.concatenate([outcomes.log_tokens, unknown]),
        needs_tools=np.concatenate([outcomes.needs_tools, more.needs_tools]),
    )


def with_groups(outcomes: OutcomeSet, groups: Mapping[str, Sequence[str]]) -> OutcomeSet:
    """`outcomes`, and behind their experts one by the name of each group, whose scores and lengths
    are the means of those of the experts in it. Raises BadData for a name that an expert has."""
    if not groups:
        return outcomes
    if taken := sorted(groups.keys() & set(outcomes.experts)):
        raise BadData(f"{taken[0]!r} is an expert; give the group of experts another name")
    columns = [[outcomes.experts.index(name) for name in names] for names in groups.values()]

    def grouped(values: Float32s) -> Float32s:
        means = [_known_mean(values[:, chosen]) for chosen in columns]
        return np.column_stack([values, *means]).astype(np.float32)

    return replace(
        outcomes,
        experts=(*outcomes.experts, *groups),
        scores=grouped(outcomes.scores),
        log_tokens=grouped(outcomes.log_tokens),
    )


def _known_mean(values: Float32s) -> Float32s:
    """Along the rows (queries, experts), NaN where nothing is known."""
    known = ~np.isnan(values)
    total = np.where(known, values, 0).sum(axis=1)
    unknown = np.full(len(values), np.nan, dtype=np.float32)
    mean: Float32s = np.divide(total, known.sum(axis=1), out=unknown, where=known.any(axis=1))
    return mean


def _table_name(path: Path) -> str:
    return path.name.removesuffix(".gz").removesuffix(".jsonl")


def _identity(row: Row) -> tuple[str, str]:
    """The name that a question goes by in every table; its text's key where it has no other."""
    return row.get("source", ""), str(row.get("id", row["qkey"]))


def _merged(row: Row, known: Row | None) -> bool:
    """Add a measured row's outcomes to the table's row for the same query, if there is one."""
    if known is None:
        return False
    for field in MEASURED:
        if values := row.get(field):
            known[field] = (known.get(field) or {}) | values
    return True


def _refuse_faults(tables: Mapping[str, Sequence[Row]]) -> None:
    """Empty tables, and queries on both sides of a split, by their key or by their letters."""
    side: dict[str, tuple[str, str]] = {}
    for name, rows in tables.items():
        if not rows:
            raise BadData(f"the table {name!r} is empty")
        for row in rows:
            for key in (row["qkey"], letters_of(row["query"])):
                other, split = side.setdefault(key, (name, row["split"]))
                if split != row["split"]:
                    raise BadData(
                        f"query {row['qkey']} of {name!r} stands in two splits: {row['split']!r} "
                        f"there, {split!r} in {other!r}; give it one"
                    )


def _arrange(tables: Mapping[str, Sequence[Row]], max_chars: int) -> OutcomeSet:
    rows = [(name, row) for name, table_rows in tables.items() for row in table_rows]
    experts = tuple(sorted({expert for _, row in rows for expert in row["score"]}))
    scores = np.full((len(rows), len(experts)), np.nan, dtype=np.float32)
    log_tokens = np.full_like(scores, np.nan)
    kinds = TaskKinds.of(row for _, row in rows)
    column = {expert: number for number, expert in enumerate(experts)}
    for number, (_, row) in enumerate(rows):
        for expert, score in row["score"].items():
            scores[number, column[expert]] = score
        for expert, tokens in _lengths(row):
            log_tokens[number, column[expert]] = math.log(max(1.0, tokens))
    return OutcomeSet(
        texts=tuple(router_input(ChatRequest.of(row["query"]), max_chars) for _, row in rows),
        qkeys=tuple(row["qkey"] for _, row in rows),
        splits=np.array([row["split"] for _, row in rows]),
        tables=np.array([name for name, _ in rows]),
        kinds=np.array([kinds.kind(row) for _, row in rows]),
        langs=np.array([row.get("lang", "en") for _, row in rows]),
        characters=np.array([len(row["query"]) for _, row in rows]),
        experts=experts,
        scores=scores,
        log_tokens=log_tokens,
        needs_tools=np.array([_flag(row.get("needs_tools")) for _, row in rows], dtype=np.float32),
    )


def _lengths(row: Row) -> Iterable[tuple[str, float]]:
    """Expert and tokens of its answer; characters / 4 where tokens were not counted; what a rater
    expects of any good answer where nobody answered."""
    counted = row.get("output_tokens") or {}
    characters = row.get("out_chars") or {}
    for expert in row["score"]:
        if counted.get(expert) is not None:
            yield expert, counted[expert]
        elif characters.get(expert) is not None:
            yield expert, characters[expert] / CHARACTERS_PER_TOKEN
        elif row.get("answer_tokens") is not None:
            yield expert, row["answer_tokens"]


def _flag(value: bool | None) -> float:
    return math.nan if value is None else float(value)
