"""The toolchain's tests need its extra; those on real tables need the data beside the checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).parents[3] / "shared" / "data"

collect_ignore: list[str] = []


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real outcome tables; skips where it is not there."""
    if not SHARED.is_dir():
        pytest.skip(f"the outcome tables are not at {SHARED}")
    return SHARED
