"""Checks of an expert's settings: values that no other settings have, and settings together."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from edge_router.errors import ConfigError
from edge_router.guards.checks import Check, number, table_of_texts, text
from edge_router.guards.redaction import quoted

from ..location import Location, location_of, needs_network, require_url

__all__ = ["check_together", "keep_alive", "temperature", "variable", "variables"]

VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
THOUGHT = ("thinking", "reasoning_effort")
"""The settings that say how much to think."""


def variable(value: Any, fault: str) -> str:
    """The name of an environment variable. Another text may be a key, so it is not shown."""
    named = text(value, fault)
    if not VARIABLE.fullmatch(named):
        key = fault.partition(" = ")[0]
        raise ConfigError(
            f"{key} must be the name of an environment variable that holds the key, such as "
            "OPENAI_API_KEY, never the key itself (its value is not shown here)"
        )
    return named


def variables(value: Any, fault: str) -> Mapping[str, str]:
    key = fault.partition(" = ")[0]
    stated = table_of_texts(value, fault)
    for name, name_of in stated.items():
        variable(name_of, f"{key}: {quoted(name)} = ")
    return stated


def number_or(word: str, check: Check) -> Check:
    """A number that passes `check`, or the `word`."""

    def checked_number(value: Any, fault: str) -> Any:
        return word if value == word else check(value, f"{fault} must be {word!r}, or")

    return checked_number


keep_alive = number_or("forever", number(0.0))
temperature = number_or("omit", number(0.0, 100.0))


def check_together(expert: Mapping[str, Any], where: str) -> None:
    """Check settings of one expert that depend on each other. Raises ConfigError."""
    if expert["backend"] == "openai" or expert.get("base_url") is not None:
        require_url(expert.get("base_url"), where)
    place = location_of(expert.get("location"), expert.get("base_url"))
    _check_backend(expert, place, where)
    _check_thinking(expert, where)
    _check_place(expert, place, where)
    prices = (expert.get("input_usd_per_million"), expert.get("output_usd_per_million"))
    if prices.count(None) == 1:
        raise ConfigError(
            f"{where} needs both input_usd_per_million and output_usd_per_million, or neither"
        )


def _check_backend(expert: Mapping[str, Any], place: Location, where: str) -> None:
    """Check what only a model in this process has, and what only one behind a server has."""
    if expert["backend"] != "llama_cpp":
        for key in ("engine", "keep_alive", "own_process"):
            if expert.get(key) is not None:
                raise ConfigError(f"{key} in {where} is for backend = 'llama_cpp'; leave it out")
        return
    if place != Location.DEVICE:
        raise ConfigError(f"{where} runs in this process; its location cannot be {str(place)!r}")
    for key in ("vision", "audio", "files", "reasoning", "logprobs", *THOUGHT):
        if expert.get(key):
            shown = "true" if expert[key] is True else quoted(expert[key])
            raise ConfigError(
                f"{key} = {shown} in {where}, but a model in this process cannot; leave it out or "
                "run the model behind a server (backend = 'openai')"
            )


def _check_thinking(expert: Mapping[str, Any], where: str) -> None:
    """Check what is stated of thinking beside what else is."""
    stated = [key for key in THOUGHT if expert.get(key)]
    if stated and expert.get("reasoning") is False:
        raise ConfigError(f"{stated[0]} in {where} needs reasoning = true; leave one of them out")
    if stated and "reasoning_effort" in (expert.get("extra_body") or {}):
        raise ConfigError(f"extra_body in {where} must not hold what {stated[0]} says")


def _check_place(expert: Mapping[str, Any], place: Location, where: str) -> None:
    """Check what only an expert on this device or elsewhere has."""
    on_device = place == Location.DEVICE
    if on_device and not needs_network(expert.get("base_url")) and expert.get("retries"):
        raise ConfigError(
            f"retries = {expert['retries']!r} in {where} is for cloud experts; leave it out"
        )
    usd_per_hour = expert.get("usd_per_hour")
    if usd_per_hour is not None and place == Location.CLOUD:
        raise ConfigError(
            f"usd_per_hour = {usd_per_hour!r} in {where} is for experts on this device or a lan; "
            "state a cloud expert's price by the token"
        )
