"""Tests of loading an artifact and of opening its encoder do that themselves."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True, scope="module")
def _one_router() -> None:
    """Nothing is shared here."""
