"""The file of speeds measured on this machine: device.json in the data folder."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Self

from edge_router.errors import ConfigError
from edge_router.guards.data_folder import write_atomically
from edge_router.guards.redaction import quoted_json
from edge_router.guards.stored_json import FAULTS, number, read_object, table, text
from edge_router.settings.config import Config
from edge_router.settings.expert_config import ExpertConfig

from .latency import Pace, Speed
from .machine import this_device

__all__ = ["MeasuredSpeed", "now_as_text", "read_speeds", "write_speeds"]

SCHEMA = 1
FILE = "device.json"
RENEW = "edge-router device measure"

log = logging.getLogger("edge_router")


@dataclass(frozen=True, slots=True)
class MeasuredSpeed:
    """The measured speed of one expert: `model` as in the settings, `measured` in ISO 8601 (UTC).

    `pace` is how real answers have compared with `speed` since.
    """

    model: str
    n_threads: int | None
    measured: str
    speed: Speed
    pace: Pace = field(default_factory=Pace)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Raises one of FAULTS for content that `asdict` did not write."""
        speed = Speed(
            **{key: number(v, key, 0) for key, v in table(stored["speed"], "speed").items()}
        )
        if speed.input_tokens_per_s <= 0 or speed.output_tokens_per_s <= 0:
            raise ValueError("a speed is 0")
        pace = dict(table(stored["pace"], "pace"))
        cold_s = pace.pop("cold_s")
        bounded = {key: number(value, key, -1e6, 1e6) for key, value in pace.items()}
        known = Pace(**bounded, cold_s=None if cold_s is None else number(cold_s, "cold_s", 0))
        if datetime.fromisoformat(text(stored["measured"], "measured")).tzinfo is None:
            raise ValueError("measured has no time zone")
        threads = stored["n_threads"]
        if threads is not None:
            threads = int(number(threads, "n_threads", 0))
        return cls(text(stored["model"], "model"), threads, stored["measured"], speed, known)

    def age(self, now: datetime) -> timedelta:
        """Time since it was measured; 0 where a clock was set back meanwhile."""
        return max(timedelta(), now - datetime.fromisoformat(self.measured))

    def is_of(self, expert: ExpertConfig) -> bool:
        """Whether the settings still name the measured model and threads."""
        return (self.model, self.n_threads) == (expert.model, expert.n_threads)


def read_speeds(config: Config) -> dict[str, MeasuredSpeed]:
    """Speeds measured on this machine of the configured experts, for unchanged settings.

    An unusable file is ignored with one warning.
    """
    return {
        name: measured
        for name, measured in _stored(config.data_folder / FILE).items()
        if name in config.experts and measured.is_of(config.experts[name])
    }


def write_speeds(config: Config, speeds: Mapping[str, MeasuredSpeed]) -> Path:
    """Add `speeds` to the file, other experts stay; returns the path. Raises OSError."""
    path = config.data_folder / FILE
    known = _stored(path) | dict(speeds)
    stored = {
        "schema": SCHEMA,
        "processor": this_device().info().processor,
        "speeds": {name: asdict(speed) for name, speed in known.items()},
    }
    write_atomically(path, json.dumps(stored, indent=1) + "\n")
    return path


def _stored(path: Path) -> dict[str, MeasuredSpeed]:
    try:
        return _parse(read_object(path))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (*FAULTS, ConfigError) as error:
        _warn(f"{path} cannot be used ({type(error).__name__}: {error}); renew it with `{RENEW}`")
        return {}


@cache  # once per process is enough
def _warn(message: str) -> None:
    log.warning("%s", message)


def now_as_text() -> str:
    """The wall clock in ISO 8601 (UTC), to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _parse(stored: Mapping[str, Any]) -> dict[str, MeasuredSpeed]:
    if stored["schema"] != SCHEMA:
        raise ValueError(f"schema {quoted_json(stored['schema'])} is not {SCHEMA}")
    here = this_device().info().processor
    if stored["processor"] != here:
        raise ValueError(f"measured on {quoted_json(stored['processor'])}, this is {here!r}")
    speeds = table(stored["speeds"], "speeds")
    return {name: MeasuredSpeed.from_json(table(speed, name)) for name, speed in speeds.items()}
