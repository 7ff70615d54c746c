"""The hooks for PyInstaller, and the warning where it would pack nothing of ours."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from edge_router.device.pyinstaller import hook_dirs


def test_its_folder_has_the_hooks() -> None:
    """One is for the package itself."""
    (folder,) = hook_dirs()
    assert Path(folder, "hook-edge_router.py").is_file()


def test_an_installation_that_it_can_pack_is_not_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The package lies in a folder of `sys.path`, as in site-packages."""
    (tmp_path / "edge_router").mkdir()
    (tmp_path / "edge_router" / "__init__.py").touch()
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    hook_dirs()
    assert not caplog.records


def test_an_editable_installation_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """No folder of `sys.path` has the package; the warning names the command that mends it."""
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    hook_dirs()
    assert "pip install '.[quick]'" in caplog.text
