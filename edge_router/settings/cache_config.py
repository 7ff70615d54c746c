"""CacheConfig: the `[cache]` table of the settings, answers kept here to be given again."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from edge_router.guards.checks import flag, number, one_of, path, settle, unset_allowed, whole
from edge_router.guards.user_files import user_path

from .setting import checks_of, from_table, setting

__all__ = ["CacheConfig", "CacheMode", "cache_config_of"]

CacheMode = Literal["off", "exact", "semantic"]
FILE = "answers.sqlite3"
DAY_S = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class CacheConfig:
    """The `[cache]` table. The constructor raises ConfigError as a table of a file does.

    An "exact" cache answers the same conversation again, a "semantic" one also a conversation whose
    last turn asks the same in other words. Of conversations the first keeps a hash alone, the
    second the last turns too. Of more than `max_entries` answers or `max_bytes` of texts those that
    were not used for longest go. With `private` also conversations in which the detectors of
    `[privacy]` find something are kept.
    """

    mode: CacheMode = field(
        default="off",
        metadata=setting(
            one_of(*get_args(CacheMode)), "answers given again: off, exact, or semantic (reworded)"
        ),
    )
    ttl_s: float = field(
        default=DAY_S, metadata=setting(number(1.0), "seconds for which an answer is given again")
    )
    max_entries: int = field(
        default=1_000, metadata=setting(whole(1, 100_000), "answers kept at most")
    )
    max_bytes: int = field(
        default=16 << 20, metadata=setting(whole(1024, 2**40), "bytes of their texts at most")
    )
    private: bool = field(
        default=False,
        metadata=setting(flag, "keep conversations with private data too (in plain text)"),
    )
    path: str | None = field(
        default=None, metadata=setting(path, f"the cache's file; unset: {FILE} in data_dir")
    )

    def __post_init__(self) -> None:
        settle(self, FIELDS, "CacheConfig")

    def file_in(self, folder: Path) -> Path:
        """The cache's file, in the data folder unless the settings name another. Raises
        ConfigError."""
        return user_path(self.path, what="[cache] path") if self.path else folder / FILE


FIELDS = unset_allowed(CacheConfig, checks_of(CacheConfig))


def cache_config_of(stated: Any) -> CacheConfig:
    """The settings of the cache from a CacheConfig or a table. Raises ConfigError."""
    return from_table(CacheConfig, stated, "cache")
