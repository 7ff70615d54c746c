"""Forks in tests."""

from __future__ import annotations

import warnings as python_warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def warnings_of_forks() -> Iterator[None]:
    """From Python 3.12 on a fork beside threads warns; that it works is what is tested."""
    with python_warnings.catch_warnings():
        python_warnings.simplefilter("ignore", DeprecationWarning)
        yield
