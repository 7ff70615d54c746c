"""edge-router export ablation, coverage, drift, ...: every study by its own name."""

from __future__ import annotations

import argparse
from functools import partial
from typing import Any

from edge_router.cli.table import parser_of
from edge_router.guards.data_folder import require_writable, write_atomically

from ..studies.base import Study
from ..studies.catalog import STUDIES

__all__ = ["add"]


def add(commands: Any) -> None:
    """Register a command for each study."""
    for name, study in STUDIES.items():
        study.options(parser_of(commands, name, partial(_run, study)))


def _run(study: Study, options: argparse.Namespace) -> None:
    folder = getattr(options, "out", None)
    if folder is not None and not folder.suffix:
        require_writable(folder / "report.md")
    report = study.report(study.run(options), options)
    for path, text in report.files.items():
        write_atomically(path, text)
    print(report.printed)
