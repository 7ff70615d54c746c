"""Writes this device's outcome log as rows that may leave it: JSON lines, without text."""

from __future__ import annotations

import gzip
import json
import os
from dataclasses import dataclass
from pathlib import Path

from edge_router.errors import ConfigError
from edge_router.guards.bounded_file import STANDARD_INPUT
from edge_router.guards.data_folder import write_atomically

from ..outcomes.log import OutcomeLog
from .identity import next_export
from .shared_row import SharedRow, packed

__all__ = ["LogExport", "export_log"]


@dataclass(frozen=True, slots=True)
class LogExport:
    """What was written to `path`: `rows` outcomes of `device`, `scored` of them with a score,
    `prompts` of them with their text."""

    path: Path
    device: str
    export: int
    rows: int
    scored: int
    prompts: int


def export_log(log: OutcomeLog, data_folder: Path, out: Path, *, text: bool = False) -> LogExport:
    """Write all rows of `log` to `out`, gzipped where it ends in `.gz`.

    The whole file or none. Prompts, which the log has with the setting `learn_prompts`, go into it
    only with `text`. Raises LearningError, ConfigError.
    """
    _require_file(out)
    numbered = log.numbered_rows()
    identity = next_export(data_folder)
    rows = [
        packed(SharedRow(identity.device, identity.export, number, outcome), text=text)
        for number, outcome in numbered
    ]
    content = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    if out.suffix == ".gz":
        content = gzip.compress(content, mtime=0)
    try:
        write_atomically(out, content, mode=0o600)  # as the log that it comes from
    except OSError as error:
        raise ConfigError(
            f"{str(out)!r} cannot be written ({error.strerror or error}); give another file"
        ) from None
    return LogExport(
        path=out,
        device=identity.device,
        export=identity.export,
        rows=len(rows),
        scored=sum(outcome.score is not None for _, outcome in numbered),
        prompts=sum("prompt" in row for row in rows),
    )


def _require_file(out: Path) -> None:
    """A rename onto a device, or a link to one such as /dev/stdout, would replace it."""
    plain = out.is_file() and not out.is_symlink()
    if out == STANDARD_INPUT or (os.path.lexists(out) and not plain):
        raise ConfigError(f"{str(out)!r} is no regular file, and an export makes one; name another")
