"""Outcome rows that routers are made from, read, written and split.

`edge_router.learning.outcomes.rows` names the fields; here each row also has qkey, split and task.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from edge_router.errors import EdgeRouterError
from edge_router.guards.bounded_file import refuse_missing
from edge_router.guards.redaction import quoted_json
from edge_router.learning.outcomes.rows import OutcomeRows, Row, query_key

__all__ = [
    "SPLITS",
    "BadData",
    "BadRow",
    "NoSuchFile",
    "letters_of",
    "placed_rows",
    "query_key",
    "read_partial_rows",
    "read_rows",
    "require_there",
    "split_of",
    "write_rows",
]

SPLITS = ("train", "dev", "test")
NOWHERE = ", which no table of DATA and DATA/queries has either; state a --recipe of your own"
NEEDED = ("qkey", "split", "task", "score")


class BadData(EdgeRouterError, ValueError):
    """Data or a recipe that no router can be made from; says what and where."""


class BadRow(BadData):
    """A row that is not in the format; names the file, the line and the fault."""


class NoSuchFile(BadData, FileNotFoundError):
    """A file of data that is not there."""


def read_rows(path: Path, queries: Mapping[str, str] | None = None) -> Iterator[Row]:
    """The rows of a file. Raises BadRow, NoSuchFile.

    Rows kept without their text (of a public data set that is not ours to copy) get it from
    `queries`, by their qkey.
    """
    known = queries or {}
    for where, row in placed_rows(path, NEEDED):
        if "query" not in row and row["qkey"] in known:
            row["query"] = known[row["qkey"]]
        if "query" not in row:
            raise BadRow(f'{where} lacks "query"' + ("" if queries is None else NOWHERE))
        if row["split"] not in SPLITS:
            raise BadRow(f"{where} has split {quoted_json(row['split'])}; use one of {SPLITS}")
        yield row


def read_partial_rows(path: Path) -> Iterator[Row]:
    """Rows of a file that may lack any field. Raises BadRow, NoSuchFile."""
    for _, row in placed_rows(path):
        yield row


def placed_rows(path: Path, needed: Collection[str] = ()) -> Iterator[tuple[str, Row]]:
    """Rows that have the `needed` fields, each with its place, for messages. Raises BadRow,
    NoSuchFile."""
    require_there(path)
    yield from OutcomeRows(path, BadRow, needed=needed).placed()


def require_there(path: Path) -> None:
    """Raises NoSuchFile for a file that is not there."""
    try:
        refuse_missing(path)
    except FileNotFoundError:
        raise NoSuchFile(f"{path} is not there") from None


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Write rows one by one; a `.gz` file is the same bytes whenever the rows are the same.
    An OSError names the file.

    A killed run, a full disk or an error of `rows` leaves the rows that were there before, which
    `rows` may come from.
    """
    lines = (f"{json.dumps(row, ensure_ascii=False)}\n".encode() for row in rows)
    parts = _packed(lines) if path.suffix == ".gz" else lines
    if path.exists() and not path.is_file():  # a pipe or a device
        path.write_bytes(b"".join(parts))
        return
    target = path.resolve()
    new = target.with_name(f"{target.name}.{os.getpid()}.new")
    try:
        with new.open("wb") as file:
            file.writelines(parts)
        new.replace(target)
    except BaseException as error:
        if isinstance(error, OSError) and error.errno and error.filename is None:  # a full disk
            error.filename = str(path)
        with suppress(OSError):
            new.unlink()
        raise


def _packed(parts: Iterable[bytes]) -> Iterator[bytes]:
    """As gzip packs them, without the time in its head."""
    packer = zlib.compressobj(zlib.Z_BEST_COMPRESSION, wbits=zlib.MAX_WBITS | 16)
    yield from filter(None, map(packer.compress, parts))
    yield packer.flush()


def letters_of(query: str) -> str:
    """Lower-case letters and digits only, so that reformatted copies of a question match."""
    return "".join(filter(str.isalnum, query.lower()))


def split_of(key: str) -> str:
    """70 / 10 / 20 by the key's first digits."""
    share = int(key[:8], 16) / 16**8
    return "train" if share < 0.7 else "dev" if share < 0.8 else "test"
