"""Hooks for PyInstaller, which reads them by the entry point `pyinstaller40`: no options needed."""

from __future__ import annotations

from pathlib import Path

__all__ = ["hook_dirs"]


def hook_dirs() -> list[str]:
    """Where PyInstaller finds a `hook-NAME.py` for each package that it freezes."""
    return [str(Path(__file__).parent)]
