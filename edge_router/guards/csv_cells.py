"""The longest cell that `csv` reads: one limit for the whole process, raised for a while."""

from __future__ import annotations

import csv
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["cells_up_to"]

_LIMIT = threading.Lock()


@contextmanager
def cells_up_to(length: int) -> Iterator[None]:
    """`csv` reads cells of at least `length` characters inside, and as before afterwards."""
    with _LIMIT:
        before = csv.field_size_limit()
        csv.field_size_limit(max(before, length))
        try:
            yield
        finally:
            csv.field_size_limit(before)
