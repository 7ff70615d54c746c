"""Imports public outcome formats as outcome rows, one small file a format."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from edge_router.learning.outcomes.rows import Row

from ..rows import SPLITS, BadData, NoSuchFile, letters_of
from .expected import EXPECTED
from .formats.alpacaeval import alpacaeval
from .formats.llmrouter import llmrouter
from .formats.plain_csv import plain_csv
from .formats.plain_jsonl import plain_jsonl
from .formats.routellm import routellm
from .formats.routerbench import routerbench
from .formats.routereval import routereval
from .outcome import checked, joined
from .prompts import with_prompts
from .texts import bare_name

__all__ = ["FORMATS", "Importer", "import_outcomes"]

Importer = Callable[[Path], Iterator[tuple[str, Row]]]
"""Unchecked rows of a file, each with its place."""

FORMATS: Mapping[str, Importer] = MappingProxyType(
    {
        "routellm": routellm,
        "routerbench": routerbench,
        "routereval": routereval,
        "alpacaeval": alpacaeval,
        "llmrouter": llmrouter,
        "csv": plain_csv,
        "jsonl": plain_jsonl,
    }
)


def import_outcomes(
    format: str,  # noqa: A002  the word its users know
    paths: Sequence[Path],
    *,
    task: str | None = None,
    texts: Path | None = None,
) -> list[Row]:
    """The outcome rows of files in one of FORMATS, one row a query.

    The same query twice, equal up to case and white space, becomes one row: the first one's fields
    and the experts of both; contradicting scores of one expert are averaged. Rows without a known
    score are left out. Each row gets a source (format and file), an id, a qkey and by it a split,
    and `en` unless it has a language; only whole outcome rows keep their own qkey and split, and
    RouterEval's rows their split: a query that stands in several of them goes to the last of train,
    dev and test, so that nothing that is tested on was learned.
    `task` names the task of all rows; otherwise each keeps its own, or takes the file's name.
    `texts` is a JSON list, or JSON lines, of the prompts of a file that holds none (RouterEval),
    in its order.

    Nothing in a file is ever run: a pickle that asks for more than arrays and frames is refused.
    Raises BadData for an unknown format, a file that is not in its format, no rows, no scores or
    only one expert; BadRow, with file and place, for a query without text or a score outside 0..1;
    FileNotFoundError.
    """
    if format not in FORMATS:
        raise BadData(f"unknown format {format!r}; use one of {list(FORMATS)}")
    if not paths:
        raise BadData("give at least one file to import")
    for path in (*paths, *([texts] if texts else [])):
        if path.is_dir():
            raise BadData(f"{path} is a folder; give the files in it")
    try:
        rows = _rows(format, paths, task, texts)
    except NoSuchFile:
        raise
    except BadData as error:
        raise type(error)(f"{error}; {format} is {EXPECTED[format]}") from None
    for number, row in enumerate(rows):
        if row["id"] is None:
            row["id"] = f"{row['source'].rpartition('/')[2]}-{number}"
    return rows


def _rows(name: str, paths: Sequence[Path], task: str | None, texts: Path | None) -> list[Row]:
    read: Iterator[tuple[str, Row]]
    read = (row for path in paths for row in _of_file(path, name, task, texts))
    if name == "routereval":
        read = iter(_on_one_side(list(read)))
    rows = [row for row in joined(read) if row["score"]]
    _refuse_too_few(rows, paths)
    return rows


def _of_file(
    path: Path, name: str, task: str | None, texts: Path | None
) -> Iterator[tuple[str, Row]]:
    source, empty = f"{name}/{bare_name(path)}", True
    for where, row in with_prompts(FORMATS[name](path), path, texts):
        empty = False
        named = row if task is None else {**row, "task": task}
        yield where, checked(named, where, source=source, task=bare_name(path))
    if empty:
        raise BadData(f"{path} has no rows")


def _on_one_side(placed: Sequence[tuple[str, Row]]) -> list[tuple[str, Row]]:
    """Rows of the same letters in one split, the last that any of them has."""
    sides: dict[str, str] = {}
    for _, row in placed:
        letters = letters_of(row["query"])
        sides[letters] = max(sides.get(letters, row["split"]), row["split"], key=SPLITS.index)
    return [(where, row | {"split": sides[letters_of(row["query"])]}) for where, row in placed]


def _refuse_too_few(rows: Sequence[Row], paths: Sequence[Path]) -> None:
    experts = {expert for row in rows for expert in row["score"]}
    files = ", ".join(str(path) for path in paths)
    if not experts:
        raise BadData(f"no score is known in {files}")
    if len(experts) == 1:
        raise BadData(f"the only expert in {files} is {experts.pop()!r}; a router needs two")
