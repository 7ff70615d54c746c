"""A device's name in a fleet: random, kept, and counted up."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_router.device import speeds
from edge_router.errors import ConfigError, LearningError
from edge_router.learning.fleet.identity import FILE, next_export


def test_a_device_keeps_its_name_and_counts_its_exports(tmp_path: Path) -> None:
    """Another folder is another device."""
    first, second = next_export(tmp_path / "a"), next_export(tmp_path / "a")
    assert first.device == second.device
    assert (first.export, second.export) == (1, 2)
    assert next_export(tmp_path / "b").device != first.device


def test_the_name_is_not_kept_where_measured_speeds_are() -> None:
    """Both lie in the data folder; each would take the other's file for a damaged one."""
    assert FILE != speeds.FILE


@pytest.mark.parametrize(
    "content", ["", "[]", "{", '{"device": "x", "exports": 1}', '{"device": 1, "exports": 1}']
)
def test_a_damaged_file_is_not_replaced_in_silence(tmp_path: Path, content: str) -> None:
    """A new name would make the same answers count twice."""
    (tmp_path / FILE).write_text(content)
    with pytest.raises(LearningError, match="delete it to get a new name"):
        next_export(tmp_path)
    assert (tmp_path / FILE).read_text() == content


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """With the setting that gives another one."""
    (tmp_path / "file").write_text("")
    with pytest.raises((ConfigError, LearningError), match="file"):
        next_export(tmp_path / "file" / "data")
