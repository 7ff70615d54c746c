"""How private data goes to each expert by the settings, in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_router.settings.config import Config

__all__ = ["reading"]


def reading(config: Config) -> Iterator[str]:
    """Sentences on which experts read private data."""
    words = {
        "allow": "read private data as it is",
        "redact": "get placeholders for private data",
        "ask": "read private data once consent is given",
        "never": "are not asked with private data",
    }
    for mode, what in words.items():
        names = [name for name, one in config.privacy_modes.items() if one == mode]
        if names:
            yield f"{', '.join(names)}: {what}"
