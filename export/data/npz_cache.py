"""A cache of arrays in npz files, so that a killed run resumes."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Arrays", "kept", "write_arrays"]

Arrays = Mapping[str, npt.NDArray[Any]]


def kept(path: Path, make: Callable[[], Arrays]) -> Arrays:
    """The arrays in the npz file `path`, made and written first where there is none."""
    if not path.exists():
        write_arrays(path, make())
    with np.load(path, allow_pickle=False) as loaded:
        return dict(loaded)


def write_arrays(path: Path, arrays: Arrays) -> None:
    """Write atomically: a killed run leaves no partial file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    with new.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
    new.replace(path)
