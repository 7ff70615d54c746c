"""Runs the measures of an assessment, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from tqdm import tqdm

import edge_router

from ...data.rows import BadData, NoSuchFile
from .measures import MEASURES
from .result import Result, result_json
from .setting import Setting

__all__ = ["assess"]

SCHEMA_VERSION = 1


def assess(setting: Setting, only: Sequence[str] | None = None) -> dict[str, Any]:
    """The measures called `only`, else all: what `assessment.json` holds.

    A measure whose tables are not there says so in its text. Raises BadData for an unknown name.
    """
    names = list(only or MEASURES)
    if unknown := [name for name in names if name not in MEASURES]:
        raise BadData(f"no measure {unknown[0]!r}; there are {', '.join(MEASURES)}")
    artifact = setting.subject.artifact
    results = [_result(setting, name) for name in tqdm(names, desc="assess", unit="measure")]
    return {
        "schema_version": SCHEMA_VERSION,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "edge_router": edge_router.__version__,
        "artifact": artifact.manifest.name,
        "hash": artifact.hash,
        "split": setting.rows.split,
        "unseen": sorted(setting.rows.unseen),
        "prices": {name: point.price for name, point in setting.points.items()},
        "least_qualities": {name: point.least_quality for name, point in setting.points.items()},
        "seed": setting.seed,
        "repeats": setting.repeats,
        "results": [result_json(result) for result in results],
    }


def _result(setting: Setting, name: str) -> Result:
    try:
        return MEASURES[name](setting)
    except NoSuchFile as error:
        return Result(name, name.capitalize(), (f"Not measured: {error}.",))
