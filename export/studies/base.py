"""The interface between a study and the command line."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

__all__ = ["Report", "Study", "as_json", "files_in"]


@dataclass(frozen=True, slots=True)
class Report:
    """What a study prints, and the texts of the files that it writes."""

    printed: str
    files: Mapping[Path, str] = field(default_factory=dict)


class Study(Protocol):
    """A question about the router, answered with figures; `help` is its one line of help."""

    @property
    def name(self) -> str: ...

    @property
    def help(self) -> str: ...

    def options(self, parser: argparse.ArgumentParser) -> None:
        """Add the study's options."""
        ...

    def run(self, options: argparse.Namespace) -> Any:
        """The study's findings, in a type of its own. Raises EdgeRouterError, OSError."""
        ...

    def report(self, findings: Any, options: argparse.Namespace) -> Report:
        """The findings of `run` as texts."""
        ...


def as_json(findings: Any) -> str:
    """As studies print and keep them."""
    return json.dumps(findings, indent=1)


def files_in(folder: Path | None, name: str, texts: Mapping[str, str]) -> dict[Path, str]:
    """`texts` by their suffixes, as files of `folder`; none where no folder is asked for."""
    return {folder / f"{name}.{suffix}": text for suffix, text in texts.items()} if folder else {}
