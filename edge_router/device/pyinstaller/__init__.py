"""Hooks for PyInstaller, which reads them by the entry point `pyinstaller40`: no options needed."""

from __future__ import annotations

import logging
from importlib.machinery import PathFinder
from pathlib import Path

__all__ = ["hook_dirs"]

logger = logging.getLogger(__name__)


def hook_dirs() -> list[str]:
    """Where PyInstaller finds a `hook-NAME.py` for each package that it freezes.

    PyInstaller looks for modules on `sys.path` alone, where an editable installation is not: an
    application packed from one would fail at its first import.
    """
    if PathFinder.find_spec("edge_router") is None:
        logger.warning(
            "edge_router is installed as editable, where PyInstaller finds no module: "
            "pip install '.[quick]' in its folder, without -e, and pack again"
        )
    return [str(Path(__file__).parent)]
