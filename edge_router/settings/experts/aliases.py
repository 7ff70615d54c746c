"""Backends by the names of well-known programs, and what these stand for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["OLLAMA_URL", "meant"]

OLLAMA_URL = "http://127.0.0.1:11434/v1"
ALIASES: Mapping[str, Mapping[str, str]] = {"ollama": {"backend": "openai", "base_url": OLLAMA_URL}}


def meant(expert: Mapping[str, Any]) -> dict[str, Any]:
    """An expert's settings with the backend that an alias stands for; what is stated beside it
    holds, another `base_url` for example."""
    backend = expert.get("backend")
    means = ALIASES.get(backend, {}) if isinstance(backend, str) else {}
    return {**means, **expert, **({"backend": means["backend"]} if means else {})}
