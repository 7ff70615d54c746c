"""Reads tables: CSV, parquet (with pyarrow) and pickled data frames (without pandas)."""

from __future__ import annotations

import csv
import importlib
import io
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from edge_router.guards.bounded_file import MAX_LINE_BYTES
from edge_router.guards.csv_cells import cells_up_to
from edge_router.guards.redaction import quoted_json

from ..rows import BadData, BadRow
from .pickles import load_frame
from .texts import is_blank, number, read_bytes, read_objects, read_text

__all__ = ["Table", "read_csv", "read_lines", "read_table"]

INDEX_COLUMNS = frozenset({"", "Unnamed: 0", "index", "idx", "__index_level_0__"})


@dataclass(frozen=True, slots=True)
class Table:
    """A table with at least one line. `lines` holds where each stands and its cells by column;
    columns that only number the lines are left out."""

    path: Path
    columns: tuple[str, ...]
    lines: tuple[tuple[str, Mapping[str, object]], ...]

    def require(self, column: str) -> None:
        """Raises BadData when the table has no such column."""
        if column not in self.columns:
            raise BadData(f"{self.path} has no column {column!r}; it has {list(self.columns)}")

    def experts(self, reserved: Callable[[str], bool]) -> tuple[str, ...]:
        """The columns with a number in any cell, but for the reserved ones.

        Raises BadData when there is none.
        """
        named = tuple(name for name in self.columns if not reserved(name) and self._counts(name))
        if not named:
            texts = (name for name in self.columns if not reserved(name))
            example = "".join(f"; {self._text_in(name)}" for name in islice(texts, 1))
            raise BadData(f"{self.path} has no score column; it has {list(self.columns)}{example}")
        return named

    def _text_in(self, column: str) -> str:
        """What stands in a column without a number, and what a score looks like."""
        cells = (line[column] for _, line in self.lines if not is_blank(line[column]))
        cell = next(cells, None)
        score = "which is a number such as 0.5, or true or false"
        return (
            f"{column!r} is empty" if cell is None else f"{quoted_json(cell)} is no score, {score}"
        )

    def _counts(self, column: str) -> bool:
        return any(number(cells[column]) is not None for _, cells in self.lines)


def read_table(path: Path) -> Table:
    """A .csv, .parquet or .pkl file. Raises BadData, BadRow; FileNotFoundError when not there."""
    ending = Path(path.name.removesuffix(".gz")).suffix.lower()
    if ending not in _READERS:
        raise BadData(f"{path} is no table; use a file that ends in one of {list(_READERS)}")
    return _READERS[ending](path)


def read_lines(path: Path) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Where each line stands and its cells, of a table or of JSON objects. Raises as they do."""
    if path.suffix in _READERS:
        yield from read_table(path).lines
    else:
        yield from read_objects(path)


def read_csv(path: Path) -> Table:
    """Cells of up to MAX_LINE_BYTES characters, all of them texts. Raises BadData, BadRow.

    csv keeps one limit on a cell's length for the whole process. It is raised while a file is read
    here, one file at a time, and put back, so that CSV read elsewhere is never limited more.
    """
    text = read_text(path)
    with cells_up_to(min(len(text), MAX_LINE_BYTES)):
        records = list(_records(path, text))
    if not records:
        raise BadData(f"{path} is empty")
    (_, header), *rest = records
    header = [name.strip() for name in header]
    _refuse_other_divider(path, header)
    for where, cells in rest:
        if len(cells) != len(header):
            raise BadRow(f"{where} has {len(cells)} cells; the header has {len(header)}")
    lines = [(where, dict(zip(header, cells, strict=True))) for where, cells in rest]
    return _table(path, header, lines)


def _refuse_other_divider(path: Path, header: Sequence[str]) -> None:
    """A header that is one cell, of a file that other characters divide."""
    divided = next((mark for mark in ";\t|" if mark in header[0]), None)
    if len(header) == 1 and divided is not None:
        raise BadData(
            f"{path} has the header {header[0]!r}, one cell: save the file with commas instead of "
            f"{divided!r}, and with decimal points"
        )


def _records(path: Path, text: str) -> Iterator[tuple[str, list[str]]]:
    """Each record that is not empty, with the line it starts on."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    start = 1
    try:
        for record in reader:
            if record:
                yield f"{path}:{start}", record
            start = reader.line_num + 1
    except csv.Error as error:
        why = (
            "a quotation mark opens a cell that none closes"
            if "end of data" in str(error)
            else error
        )
        raise BadRow(f"{path}:{start} is not CSV: {why}") from None


def _read_parquet(path: Path) -> Table:
    try:
        parquet = importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise BadData(f"reading {path} needs pyarrow: pip install pyarrow") from None
    data = read_bytes(path)
    try:
        table = parquet.read_table(io.BytesIO(data))
        names = table.column_names
        columns = dict(zip(names, (column.to_pylist() for column in table.columns), strict=True))
    except (ValueError, NotImplementedError, OSError) as error:  # what pyarrow's errors are
        raise BadData(f"{path} is no parquet table: {error}") from None
    return _of_columns(path, names, columns)


def _read_pickle(path: Path) -> Table:
    columns = load_frame(path)
    return _of_columns(path, list(columns), columns)


def _of_columns(path: Path, names: Sequence[str], columns: Mapping[str, Sequence[object]]) -> Table:
    rows = zip(*(map(_known, columns[name]) for name in names), strict=True)
    lines = [
        (f"{path} row {position}", dict(zip(names, row, strict=True)))
        for position, row in enumerate(rows, 1)
    ]
    return _table(path, names, lines)


def _known(cell: object) -> object:
    """The cell, or None for NaN, with which pandas marks what is not known."""
    return None if isinstance(cell, float) and math.isnan(cell) else cell


def _table(
    path: Path, names: Sequence[str], lines: Sequence[tuple[str, Mapping[str, object]]]
) -> Table:
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise BadData(f"{path} has more than one column {twice}")
    if not lines:
        raise BadData(f"{path} has no rows")
    return Table(path, tuple(name for name in names if name not in INDEX_COLUMNS), tuple(lines))


_READERS: Mapping[str, Callable[[Path], Table]] = {
    ".csv": read_csv,
    ".parquet": _read_parquet,
    ".pkl": _read_pickle,
}
