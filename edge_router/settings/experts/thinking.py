"""Levels of thinking of an expert: each becomes settings of an expert of its own."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from typing import Any

from edge_router.errors import ConfigError
from edge_router.guards.checks import Check, FrozenDict, checked, table
from edge_router.guards.redaction import quoted

__all__ = ["check_level_of", "levels", "thinking_levels"]

LEVELS = {"off": "none", "low": "low", "medium": "medium", "full": "high"}
"""How much an expert may think, by the level's name, as the `reasoning_effort` of a request."""

OF_A_LEVEL = (
    "model", "profile", "context_tokens", "input_usd_per_million", "cached_input_usd_per_million",
    "output_usd_per_million", "start_s", "input_tokens_per_s", "output_tokens_per_s", "temperature",
    "extra_body", "first_token_timeout_s", "stall_timeout_s", "reasoning_effort", "thought_tokens",
    "quality_gain",
)  # fmt: skip
"""What a level may state for itself: the server, its key and its place are the expert's."""


def thinking_levels(value: Any, fault: str) -> Mapping[str, Any]:
    """Check tables by the name of a level; returns them. Raises ConfigError."""
    stated = table(value, fault)
    for name, own in stated.items():
        if name not in LEVELS:
            raise ConfigError(f"{fault} has {quoted(name)}; levels are {', '.join(LEVELS)}")
        table(own, f"{fault.partition(' = ')[0]}.{name} = {quoted(own)}")
    if not stated:
        raise ConfigError(f"{fault} names no level; use some of {', '.join(LEVELS)}")
    return stated


def check_level_of(experts: Mapping[str, Any]) -> None:
    """Check that no level has the name of another expert, and that all levels of one name have
    the same server: else asking by that name would ask another expert. Raises ConfigError."""
    servers: dict[str, tuple[Any, ...]] = {}
    for name, one in experts.items():
        if one.level_of is None:
            continue
        stated = f"level_of = {quoted(one.level_of)} in [experts.{name}]"
        if one.level_of in experts:
            raise ConfigError(
                f"{stated} is the name of another expert; leave it out, or state levels as "
                "[experts.NAME.thinking.LEVEL]"
            )
        server = (one.place, one.base_url, one.api_key_env)
        if servers.setdefault(one.level_of, server) != server:
            raise ConfigError(
                f"{stated} has another server, key or location than its other levels; leave it out"
            )


def levels(
    name: str, expert: Mapping[str, Any], checks: Mapping[str, Check], *, taken: Container[str]
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each level of the expert `name`: its own name, its table for messages, and its settings.

    The settings are the expert's, with those that the level states in their place; these pass the
    `checks` of an expert's settings. At "off" no tokens and no gain of thinking count. Raises
    ConfigError, also for a name that is `taken`.
    """
    allowed = {key: checks[key] for key in OF_A_LEVEL}
    for level, stated in expert["thinking"].items():
        where = f"[experts.{name}.thinking.{level}]"
        known = {key: value for key, value in stated.items() if value is not None}
        if f"{name}-{level}" in taken:
            raise ConfigError(f"[experts] has '{name}-{level}' and a level of that name; rename it")
        own = {"reasoning_effort": LEVELS[level], **checked(known, allowed, where)}
        if level == "off":
            own = {"thought_tokens": None, "quality_gain": None, **own}
        settings = {**expert, "thinking": None, "reasoning": True, "level_of": name, **own}
        if level != "off" and settings["thought_tokens"] is None:
            raise ConfigError(
                f"{where} lacks thought_tokens, how many tokens it thinks on average; they are "
                "paid for, and take their time"
            )
        if expert["extra_body"] and "extra_body" in own:
            settings["extra_body"] = FrozenDict({**expert["extra_body"], **own["extra_body"]})
        yield f"{name}-{level}", where, settings
