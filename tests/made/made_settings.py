"""A settings file written for a test, and what is read from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edge_router.settings.config import Config
from edge_router.settings.expert_config import ExpertConfig

SERVER = 'backend = "openai"\nmodel = "gpt"\nprofile = "frontier"\nbase_url = "https://x.org/v1"'


def load(tmp_path: Path, toml: str, **overrides: Any) -> Config:
    """The settings of a file with `toml` in it, changed by `overrides`."""
    file = tmp_path / "config.toml"
    file.write_text(toml, encoding="utf-8")
    return Config.load(file, **overrides)


def expert(tmp_path: Path, table: str) -> ExpertConfig:
    """The only expert of a file."""
    return load(tmp_path, f"[experts.it]\n{table}").experts["it"]
