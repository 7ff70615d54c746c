"""The experts of the settings by name: tables become ExpertConfig, levels of thinking experts."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from edge_router.errors import ConfigError
from edge_router.guards.checks import FrozenDict, checked, table
from edge_router.guards.redaction import quoted

from .aliases import meant
from .expert_config import EXPERT_SETTINGS, ExpertConfig, check_together
from .expert_values import LEVELS
from .setting import required_of

__all__ = ["experts_of", "warn_of_far_devices"]

REQUIRED = required_of(ExpertConfig)
OF_A_LEVEL = {
    key: EXPERT_SETTINGS[key]
    for key in (
        "model", "profile", "context_tokens", "input_usd_per_million",
        "cached_input_usd_per_million", "output_usd_per_million", "start_s", "input_tokens_per_s",
        "output_tokens_per_s", "temperature", "extra_body", "first_token_timeout_s",
        "stall_timeout_s", "reasoning_effort", "thought_tokens", "quality_gain",
    )
}  # fmt: skip
"""What a level may state for itself: the server, its key and its place are the expert's."""

log = logging.getLogger("edge_router")


def experts_of(stated: Any) -> Mapping[str, ExpertConfig]:
    """Experts by name, from values that are ExpertConfig or tables. Raises ConfigError.

    One with levels of `thinking` becomes an expert for each, called NAME-LEVEL.
    """
    named = table(stated, f"experts = {quoted(stated)} in the settings")
    if not named:
        raise ConfigError("[experts] names no expert; add [experts.NAME] or leave it out")
    if "" in named:
        raise ConfigError("[experts] has an expert without a name")
    if not all(type(one) is ExpertConfig for one in named.values()):
        named = FrozenDict({name: _expert(name, table) for name, table in named.items()})
    if all(one.thinking is None for one in named.values()):
        return named
    return _with_levels(named)


def _expert(name: str, table: Any) -> ExpertConfig:
    where = f"[experts.{name}]"
    if isinstance(table, ExpertConfig):
        return table
    if not isinstance(table, Mapping):
        raise ConfigError(f"{where} must be a table")
    stated = meant({key: value for key, value in table.items() if value is not None})
    settings = checked(stated, EXPERT_SETTINGS, where)
    if missing := REQUIRED - settings.keys():
        raise ConfigError(f"{where} lacks {', '.join(sorted(missing))}")
    check_together(settings, where)
    return ExpertConfig(**settings)


def _with_levels(experts: Mapping[str, ExpertConfig]) -> Mapping[str, ExpertConfig]:
    """The experts, and in the place of one with levels its levels."""
    result: dict[str, ExpertConfig] = {}
    for name, expert in experts.items():
        for own, level in [(name, expert)] if expert.thinking is None else _levels(name, expert):
            if own in result or (own != name and own in experts):
                raise ConfigError(f"[experts] has {own!r} and a level of that name; rename it")
            result[own] = level
    return FrozenDict(result)


def _levels(name: str, expert: ExpertConfig) -> Iterator[tuple[str, ExpertConfig]]:
    for level, stated in (expert.thinking or {}).items():
        where = f"[experts.{name}.thinking.{level}]"
        known = {key: value for key, value in stated.items() if value is not None}
        own = checked(known, OF_A_LEVEL, where)
        own.setdefault("reasoning_effort", LEVELS[level])
        if level != "off" and own.get("thought_tokens", expert.thought_tokens) is None:
            raise ConfigError(
                f"{where} lacks thought_tokens, how many tokens it thinks on average; they are "
                "paid for, and take their time"
            )
        if expert.extra_body and "extra_body" in own:
            own["extra_body"] = FrozenDict({**expert.extra_body, **own["extra_body"]})
        settings = {"thinking": None, "reasoning": True, "level_of": name, **own}
        yield f"{name}-{level}", replace(expert, **settings)


def warn_of_far_devices(experts: Mapping[str, ExpertConfig]) -> None:
    """Warn that limits rule out an expert that counts as on the device but needs the network."""
    for name, expert in experts.items():
        if expert.on_device and expert.needs_network:
            _warn(
                f"expert {name!r} counts as on this device, but it is asked over the network "
                f"({urlsplit(expert.base_url or '').hostname}); only_on_device and offline "
                "rule it out"
            )


@cache  # once per process is enough
def _warn(message: str) -> None:
    log.warning("%s", message)
