"""A small data folder, and the shipped router's setting on it."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("tqdm", reason="the extra `export` is not installed")
from edge_router.export.evaluation.assessment import Setting
from small_assessment import small_setting, write_small_data


@pytest.fixture(scope="session")
def small_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every table, forty rows each; nothing in it is changed."""
    return write_small_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="session")
def setting(small_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Setting:
    """Vectors are kept for all tests of the session."""
    return small_setting(small_data, tmp_path_factory.mktemp("work"))
