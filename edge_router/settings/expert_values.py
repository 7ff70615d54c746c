"""Checks of values that only an expert's settings have."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from edge_router.errors import ConfigError
from edge_router.guards.checks import number, table_of_texts, text
from edge_router.guards.redaction import quoted

__all__ = ["keep_alive", "temperature", "variable", "variables"]

VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")


def temperature(value: Any, fault: str) -> float | Literal["omit"]:
    if value == "omit":
        return "omit"
    number_of: float = number(0.0, 100.0)(value, f"{fault} must be 'omit', or")
    return number_of


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
    for name, name_of in table_of_texts(value, fault).items():
        variable(name_of, f"{key}: {quoted(name)} = ")
    return table_of_texts(value, fault)


def keep_alive(value: Any, fault: str) -> float | Literal["forever"]:
    """Seconds, or "forever"."""
    if value == "forever":
        return "forever"
    seconds: float = number(0.0)(value, f"{fault} must be 'forever', or")
    return seconds
