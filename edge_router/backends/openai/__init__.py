"""Any server that speaks OpenAI's chat completions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .backend import OpenAIBackend

__all__ = ["OpenAIBackend"]


def __getattr__(name: str) -> Any:
    """Its backend, loaded on first use: it needs httpx."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import backend

    return getattr(backend, name)
