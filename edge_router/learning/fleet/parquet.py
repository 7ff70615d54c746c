"""The merged table's columns, and pyarrow, which reads and writes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edge_router.errors import MissingExtra
from edge_router.guards.bounded_file import open_regular

from ..outcomes.table import ESTIMATED

__all__ = ["VERSION", "VERSION_KEY", "import_pyarrow", "is_parquet", "schema"]

VERSION = 1
VERSION_KEY = b"edge-router merged outcomes"
MAGIC = b"PAR1"


def import_pyarrow() -> Any:
    """pyarrow with its submodule `parquet`. Raises MissingExtra."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtra("pyarrow, which reads and writes Parquet,", "fleet") from error
    return pyarrow


def is_parquet(path: Path) -> bool:
    """Whether the file begins as Parquet does, or is called so."""
    if path.suffix == ".parquet":
        return True
    try:
        with open_regular(path) as file:  # a pipe would never end
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def schema(pyarrow: Any) -> Any:
    """A row for each outcome. `vector` holds float16 numbers, little endian; the rest is as
    `Outcome` and `SharedRow` have it."""
    text, number, whole = pyarrow.string(), pyarrow.float64(), pyarrow.int64()
    estimate = pyarrow.struct([("expert", text), *((name, number) for name in ESTIMATED)])
    columns = {
        "device": text,
        "export": whole,
        "order": whole,
        "id": text,
        "time": number,
        "artifact": text,
        "vector": pyarrow.binary(),
        "log_tokens": number,
        "characters": whole,
        "script": text,
        "estimates": pyarrow.list_(estimate),
        "expert": text,
        "rival": text,
        "answered_by": text,
        "propensity": number,
        "gain": number,
        "min_gain": number,
        "cost_usd": number,
        "first_token_s": number,
        "total_s": number,
        "input_tokens": whole,
        "output_tokens": whole,
        "prompt": text,
        "score": number,
        "ended": text,
    }
    return pyarrow.schema(columns.items(), {VERSION_KEY: str(VERSION).encode()})
