"""Checks of values that only an expert's settings have."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from edge_router.errors import ConfigError
from edge_router.guards.checks import Check, number, table_of_texts, text
from edge_router.guards.redaction import quoted

__all__ = ["keep_alive", "temperature", "variable", "variables"]

VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")


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
