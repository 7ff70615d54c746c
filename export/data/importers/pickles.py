"""Pickled arrays and data frames, read without running anything that the file names.

A pickle is a program: it names functions and says what to call them with. Here every name it may
use stands for a Record, which only keeps what it was called with; nothing is imported, so neither
numpy's nor pandas' own unpickling code runs. All other names are refused before anything is made.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ..rows import BadData
from .texts import read_bytes

__all__ = ["NUMPY", "PANDAS", "Array", "array", "load_frame", "load_tree", "readable"]

Array = npt.NDArray[Any]
Names = frozenset[tuple[str, str]]

NUMPY: Names = frozenset(
    {("numpy", "ndarray"), ("numpy", "dtype")}
    | {
        (f"{core}.{module}", name)
        for core in ("numpy.core", "numpy._core")  # until and since numpy 2
        for module, name in (
            ("multiarray", "_reconstruct"),
            ("multiarray", "scalar"),
            ("numeric", "_frombuffer"),
        )
    }
)
PANDAS: Names = NUMPY | {
    ("builtins", "slice"),
    ("pandas._libs.internals", "_unpickle_block"),
    ("pandas.core.frame", "DataFrame"),
    ("pandas.core.indexes.base", "Index"),
    ("pandas.core.indexes.base", "_new_Index"),
    ("pandas.core.indexes.range", "RangeIndex"),
    ("pandas.core.internals.managers", "BlockManager"),
}

# What a broken or a hostile file makes pickle, numpy.load, and our reading of its records, raise.
_FAULTS = (
    pickle.UnpicklingError,
    zipfile.BadZipFile,
    zlib.error,
    ArithmeticError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
)


class Record:
    """An object as the pickle describes it. `kind` is the last part of its name, `args` what it is
    made of, `state` what is set on it afterwards."""

    __slots__ = ("args", "state")
    args: tuple[Any, ...]
    state: Any

    def __new__(cls, *args: object) -> Self:
        record = super().__new__(cls)
        record.args, record.state = args, None
        return record

    def __setstate__(self, state: object) -> None:
        self.state = state

    @property
    def kind(self) -> str:
        return type(self).__name__


def _refuse_bomb(path: Path, data: bytes) -> None:
    """Raises BadData for a file that numbers its objects beyond its own bytes: pickle makes room
    for all numbers up to the largest."""
    for operation, number, _ in pickletools.genops(data):
        if operation.name in ("PUT", "BINPUT", "LONG_BINPUT") and int(number or 0) > len(data):
            raise BadData(f"{path} has room for {number} objects in {len(data):,} bytes: refused")


class _Reader(pickle.Unpickler):
    def __init__(self, path: Path, names: Names) -> None:
        data = read_bytes(path)
        _refuse_bomb(path, data)
        super().__init__(io.BytesIO(data))
        self._path = path
        self._names = names

    def find_class(self, module: str, name: str) -> type[Record]:
        if (module, name) not in self._names:
            raise BadData(
                f"{self._path} asks for {module}.{name}, which a table has no need of: refused. "
                "If you trust the file, save its table as .csv or .parquet"
            )
        # A class of its own, because a pickle can make objects of classes alone.
        return type(name, (Record,), {"__slots__": ()})


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Any failure inside a malformed file becomes BadData that names the file."""
    try:
        yield
    except BadData:
        raise
    except _FAULTS as error:
        fault = f"{type(error).__name__}: {error}"
        raise BadData(f"{path} holds no outcomes that can be read ({fault:.200})") from None


def load_tree(path: Path) -> Any:
    """A pickle of dicts, lists, texts, numbers and numpy arrays, these as Records for `array`.

    Raises BadData, also for a name beyond NUMPY; FileNotFoundError.
    """
    with readable(path):
        return _Reader(path, NUMPY).load()


def load_frame(path: Path) -> dict[str, list[object]]:
    """A pickled pandas DataFrame's columns, in order: texts, numbers, or objects of these.

    Raises BadData, also for a name beyond PANDAS; FileNotFoundError.
    """
    with readable(path):
        frame = _Reader(path, PANDAS).load()
        blocks, axes = frame.state["_mgr"].args
        names = array(axes[0].args[1]["data"]).tolist()
        if len(set(names)) != len(names):
            raise ValueError("two columns have the same name")
        columns = dict(column for block in blocks for column in _columns(block))
        return {_text(name): columns[place] for place, name in enumerate(names)}


def _columns(block: Record) -> Iterator[tuple[int, list[object]]]:
    """A block's columns, each with its place among all columns of the frame."""
    values, places, _ = block.args
    sliced = isinstance(places, Record) and places.kind == "slice"
    numbered = range(*places.args) if sliced else array(places).tolist()
    for place, column in zip(numbered, array(values), strict=True):
        yield place, column.tolist()


def _text(name: object) -> str:
    if not isinstance(name, str):
        raise TypeError(f"column {name!r} has no text as its name")
    return name


def array(value: object) -> Array:
    """The array that a Record, list or tuple describes. Raises ValueError."""
    match value:
        case Record(kind="_reconstruct", state=(_, shape, _, _, list(items))):
            flat = np.fromiter(map(_item, items), dtype=object, count=len(items))
            return flat.reshape(shape)
        case Record(kind="_reconstruct", state=(_, shape, dtype, fortran, bytes(data))):
            return _of_bytes(data, dtype).reshape(shape, order="F" if fortran else "C")
        case Record(kind="_frombuffer", args=(bytes() | bytearray() as data, dtype, shape, order)):
            return _of_bytes(data, dtype).reshape(shape, order=order)
        case list() | tuple():
            return np.array([_item(item) for item in value])
    raise ValueError(f"a {type(value).__name__} stands where an array should")


def _of_bytes(data: bytes | bytearray, dtype: Record) -> Array:
    return np.frombuffer(data, _dtype(dtype))


def _dtype(record: Record) -> np.dtype[Any]:
    """Numbers, truth values and texts; never objects, whose bytes would be addresses."""
    code, byte_order = record.args[0], record.state[1]
    if not re.fullmatch(r"b1|[iuf][1248]|[SU][0-9]{1,9}", code) or byte_order not in "<>|=":
        raise ValueError(f"dtype {byte_order}{code} is neither numbers nor texts")
    return np.dtype(f"{byte_order}{code}")


def _item(value: object) -> object:
    """An element of an object array: numpy's own numbers and texts as Python's."""
    match value:
        case Record(kind="scalar", args=(dtype, bytes(data))):
            return _of_bytes(data, dtype).item()
    return value
