"""Merge the exported logs of many devices into one Parquet table, each outcome once.

Rows are dealt out by a hash of device and decision to files on the disk; equal ones meet in one of
them. So memory holds one part at a time, however many logs there are, and neither the order of the
logs nor a log that is there twice makes a difference.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

from edge_router.guards.bounded_file import numbered_lines
from edge_router.guards.json_lines import BadJson, json_value
from edge_router.learning.fleet.parquet import import_pyarrow, schema
from edge_router.learning.fleet.shared_row import SHARED, SharedRow, unpacked
from edge_router.learning.outcomes.table import ESTIMATED, vector_bytes

from ..data.rows import BadData, BadRow, NoSuchFile

__all__ = ["Merge", "log_files", "merge_logs"]

PARTS = 128
BYTES_IN_MEMORY = 1 << 25  # of lines; as rows they take several times that
SUFFIXES = (".jsonl", ".jsonl.gz")
RANK = ("scored", "export", "score", "digest")  # of copies the highest stays; no clock has a say


@dataclass(slots=True)
class Merge:
    """What was merged. `rows` are in the table, by the hash of the router that read them in
    `artifacts`; `copies` were there more than once; `others` are of other routers than asked for;
    `damaged` counts, by log, the lines that are no outcome."""

    logs: int = 0
    rows: int = 0
    copies: int = 0
    others: int = 0
    scored: int = 0
    devices: Counter[str] = field(default_factory=Counter)
    artifacts: Counter[str] = field(default_factory=Counter)
    damaged: Counter[str] = field(default_factory=Counter)

    def to_json(self) -> dict[str, Any]:
        """The same, with the number of devices and the largest one's share of the rows."""
        largest = max(self.devices.values(), default=0)
        return {
            "logs": self.logs,
            "rows": self.rows,
            "scored": self.scored,
            "copies": self.copies,
            "others": self.others,
            "devices": len(self.devices),
            "largest_device": largest / max(1, self.rows),
            "artifacts": dict(self.artifacts),
            "damaged": dict(self.damaged),
        }


def merge_logs(
    logs: Sequence[Path], out: Path, *, artifact: str = "", keep_going: bool = False
) -> Merge:
    """Merge `logs`, files or folders of them, into the Parquet file `out`: whole, or not at all.

    Of copies of an outcome the one with a score stays, else the one that was exported last. Only
    outcomes of routers whose hash begins with `artifact` count. A line that is no outcome raises
    BadRow, or with `keep_going` is counted and left out, as is the rest of a log that breaks off.
    Raises MissingExtra, BadData, OSError.
    """
    pyarrow = import_pyarrow()
    files = [path for log in logs for path in log_files(log)]
    merge, lengths = Merge(logs=len(files)), _Lengths()
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".merge-", dir=out.parent) as folder:
        lines = (
            (path, *one) for path in files for one in _rows(path, merge, keep_going=keep_going)
        )
        with _Parts(pyarrow, Path(folder)) as parts:
            for path, line, row in lines:
                lengths.check(row, path)
                if row.outcome.artifact.startswith(artifact):
                    parts.add(row, line)
                else:
                    merge.others += 1
        merged = Path(folder) / "merged.parquet"
        with pyarrow.parquet.ParquetWriter(merged, schema(pyarrow), compression="zstd") as writer:
            for number in range(PARTS):
                if (part := parts.read(number)) is not None:
                    writer.write_table(_distinct(part, merge))
        if not merge.rows:
            raise BadData(_nothing(merge, artifact))
        merged.replace(out)
    return merge


def log_files(log: Path) -> list[Path]:
    """The log itself, or those in a folder. Raises NoSuchFile."""
    if not log.is_dir():
        if not log.exists():
            raise NoSuchFile(f"{log} is not there")
        return [log]
    files = sorted(path for path in log.iterdir() if path.name.endswith(SUFFIXES))
    if not files:
        raise NoSuchFile(f"{log} holds no log: no file called *{' or *'.join(SUFFIXES)}")
    return files


def _nothing(merge: Merge, artifact: str) -> str:
    if merge.others:
        return f"none of {merge.others:,} outcomes is of a router {artifact!r:.80}; leave it out"
    return f"no outcome in {merge.logs:,} logs; export some with edge-router log export FILE"


def _rows(path: Path, merge: Merge, *, keep_going: bool) -> Iterator[tuple[bytes, SharedRow]]:
    """The lines of one log with what they say."""
    try:
        for number, line in numbered_lines(path, BadRow):
            try:
                row = unpacked(json_value(_text(line)))
            except ValueError as error:
                if not keep_going:
                    raise BadRow(_complaint(path, number, error)) from None
                merge.damaged[str(path)] += 1
                continue
            yield line, row
    except BadRow:
        if not keep_going:
            raise
        merge.damaged[str(path)] += 1  # it breaks off here


def _text(line: bytes) -> str:
    """Raises BadJson."""
    try:
        return line.decode()
    except UnicodeDecodeError:
        raise BadJson("is not UTF-8, so no line of an exported log") from None


def _complaint(path: Path, number: int, error: ValueError) -> str:
    what = "the line" if isinstance(error, BadJson) else "the outcome"
    return (
        f"{path}:{number}: {what} {error}; ask the device for its log again, or leave such lines "
        "out with --keep-going"
    )


class _Lengths:
    """The lengths of the routers' representations, each with the log that has it first."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, Path]] = {}

    def check(self, row: SharedRow, path: Path) -> None:
        """Raises BadData where two logs disagree: which of them is damaged, nobody can tell."""
        artifact, length = row.outcome.artifact, len(row.outcome.vector)
        known, first = self._known.setdefault(artifact, (length, path))
        if known != length:
            raise BadData(
                f"{path} has {length} numbers where {first} has {known}, for the same router "
                f"{artifact[:12]!r}; one of them is damaged, leave it out"
            )


class _Parts:
    """Rows dealt out to files in `folder`; of those not written yet a bounded number.

    A part is small: handing its columns to pyarrow's threads takes longer than they take, and on a
    busy machine reading has been seen to wait for those threads without end.
    """

    def __init__(self, pyarrow: Any, folder: Path) -> None:
        self._pyarrow, self._folder = pyarrow, folder
        plain = schema(pyarrow)
        ranked = {"scored": pyarrow.bool_(), "digest": pyarrow.binary()}
        for name, kind in ranked.items():
            plain = plain.append(pyarrow.field(name, kind))
        self._schema = plain
        self._waiting: list[list[dict[str, Any]]] = [[] for _ in range(PARTS)]
        self._bytes = 0
        self._files = ExitStack()
        self._writers: dict[int, Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        with self._files:
            self._write()

    def add(self, row: SharedRow, line: bytes) -> None:
        """Put a row, which stands in `line`, into its part."""
        key = f"{row.device}\0{row.outcome.id}".encode()
        number = int.from_bytes(hashlib.blake2b(key, digest_size=4).digest()) % PARTS
        digest = hashlib.blake2b(line.strip(), digest_size=16).digest()
        self._waiting[number].append(_columns(row, digest))
        self._bytes += len(line)
        if self._bytes >= BYTES_IN_MEMORY:
            self._write()

    def read(self, number: int) -> Any | None:
        """All rows of a part, None where it has none."""
        path = self._path(number)
        if not path.exists():
            return None
        options = self._pyarrow.ipc.IpcReadOptions(use_threads=False)
        with path.open("rb") as file, self._pyarrow.ipc.open_stream(file, options=options) as read:
            return read.read_all()

    def _write(self) -> None:
        for number, rows in enumerate(self._waiting):
            if rows:
                batch = self._pyarrow.RecordBatch.from_pylist(rows, schema=self._schema)
                self._writer(number).write_batch(batch)
                rows.clear()
        self._bytes = 0

    def _writer(self, number: int) -> Any:
        if number not in self._writers:
            file = self._files.enter_context(self._path(number).open("wb"))
            options = self._pyarrow.ipc.IpcWriteOptions(compression="lz4", use_threads=False)
            writer = self._pyarrow.ipc.new_stream(file, self._schema, options=options)
            self._writers[number] = self._files.enter_context(writer)
        return self._writers[number]

    def _path(self, number: int) -> Path:
        return self._folder / f"{number}.arrow"


def _columns(row: SharedRow, digest: bytes) -> dict[str, Any]:
    """The row as the table has it, with what ranks copies of it."""
    outcome = row.outcome
    columns = {name: getattr(outcome, name) for name in SHARED}
    columns["vector"] = vector_bytes(outcome.vector)
    columns["estimates"] = [
        {"expert": name} | {one: getattr(estimate, one) for one in ESTIMATED}
        for name, estimate in outcome.estimates.items()
    ]
    ranked = {"scored": outcome.score is not None, "digest": digest}
    return columns | ranked | {"device": row.device, "export": row.export, "order": row.order}


def _distinct(part: Any, merge: Merge) -> Any:
    """The best copies of a part, by router, device and arrival; counted in `merge`."""
    keys = zip(part["device"].to_pylist(), part["id"].to_pylist(), strict=True)
    ranks = zip(*(part[name].to_pylist() for name in RANK), strict=True)
    best: dict[tuple[str, str], tuple[tuple[Any, ...], int]] = {}
    for number, (key, rank) in enumerate(zip(keys, ranks, strict=True)):
        if key not in best or (rank, -number) > best[key]:
            best[key] = (rank, -number)
    kept = part.take([-place for _, place in best.values()]).drop_columns(["scored", "digest"])
    merge.rows += len(kept)
    merge.copies += len(part) - len(kept)
    merge.devices.update(kept["device"].to_pylist())
    merge.artifacts.update(kept["artifact"].to_pylist())
    merge.scored += len(kept) - kept["score"].null_count
    order = ("artifact", "device", "order", "id")
    return kept.sort_by([(name, "ascending") for name in order])
