"""BudgetConfig: the `[budget]` table of the settings, what may be spent an hour, a day, a month."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from edge_router.errors import ConfigError
from edge_router.guards.checks import (
    FrozenDict,
    amount,
    checked,
    refuse_unknown,
    settle,
    unset_allowed,
    whole_number,
)
from edge_router.guards.redaction import quoted

from .constraints import LONGEST_CALLER
from .setting import checks_of, setting, table_named

__all__ = ["ANY_CALLER", "Allowance", "BudgetConfig", "budget_config_of"]

ANY_CALLER = "*"


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one caller may spend; None for no limit. Dollars count whatever has a price, tokens what
    experts in the cloud read and write, both at their most until an answer has ended. An hour, a
    day and a month are those of the calendar in UTC. The constructor raises ConfigError."""

    usd_per_hour: float | None = field(
        default=None, metadata=setting(amount, "dollars that may be spent in an hour (UTC)")
    )
    usd_per_day: float | None = field(
        default=None, metadata=setting(amount, "dollars that may be spent in a day (UTC)")
    )
    usd_per_month: float | None = field(
        default=None, metadata=setting(amount, "dollars that may be spent in a month (UTC)")
    )
    tokens_per_answer: int | None = field(
        default=None,
        metadata=setting(whole_number, "tokens that one cloud answer may read and write"),
    )
    tokens_per_hour: int | None = field(
        default=None, metadata=setting(whole_number, "tokens of the cloud in an hour (UTC)")
    )
    tokens_per_day: int | None = field(
        default=None, metadata=setting(whole_number, "tokens of the cloud in a day (UTC)")
    )
    tokens_per_month: int | None = field(
        default=None, metadata=setting(whole_number, "tokens of the cloud in a month (UTC)")
    )

    def __post_init__(self) -> None:
        settle(self, FIELDS, type(self).__name__)

    @property
    def is_set(self) -> bool:
        """Whether there is any limit."""
        return any(getattr(self, name) is not None for name in SETTINGS)


SETTINGS = checks_of(Allowance)
FIELDS = unset_allowed(Allowance, SETTINGS)


@dataclass(frozen=True, slots=True)
class BudgetConfig(Allowance):
    """The `[budget]` table: the limits on all callers together, kept in a file that every process
    of this data folder shares, and those on each of the `callers` by name ("*": each other one)."""

    callers: Mapping[str, Allowance] = field(default_factory=FrozenDict)

    def __post_init__(self) -> None:
        Allowance.__post_init__(self)
        object.__setattr__(self, "callers", _callers_of(self.callers))

    @property
    def is_set(self) -> bool:
        """Whether anything is limited, for anybody."""
        limits = (getattr(self, name) for name in SETTINGS)
        return any(limit is not None for limit in limits) or bool(self.callers)

    def of_caller(self, caller: str | None) -> Allowance | None:
        """The limits of one caller alone, None where there are none."""
        if caller is None:
            return None
        return self.callers.get(caller, self.callers.get(ANY_CALLER))


def budget_config_of(stated: Any) -> BudgetConfig:
    """The budget from a BudgetConfig or a table. Raises ConfigError."""
    if isinstance(stated, BudgetConfig):
        return stated
    table = table_named(stated, "budget")
    refuse_unknown(table, {one.name for one in fields(BudgetConfig)}, "[budget]")
    return BudgetConfig(callers=table.get("callers") or {}, **_limits(table, "[budget]"))


def _callers_of(stated: Any) -> Mapping[str, Allowance]:
    if type(stated) is FrozenDict and all(type(one) is Allowance for one in stated.values()):
        return stated
    if not isinstance(stated, Mapping):
        raise ConfigError(
            f"callers = {quoted(stated)} in [budget] must be a table of tables, "
            "[budget.callers.NAME]"
        )
    return FrozenDict({_name(name): _allowance(name, one) for name, one in stated.items()})


def _name(name: Any) -> str:
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_CALLER:
        raise ConfigError(
            f"[budget.callers] names {quoted(name)}; a caller's name is a text of 1 to "
            f"{LONGEST_CALLER} characters"
        )
    return name


def _allowance(name: str, stated: Any) -> Allowance:
    if type(stated) is Allowance:
        return stated
    where = f"[budget.callers.{name:.40}]"
    if not isinstance(stated, Mapping):
        raise ConfigError(f"{where} must be a table")
    refuse_unknown(stated, SETTINGS.keys(), where)
    return Allowance(**_limits(stated, where))


def _limits(stated: Mapping[str, Any], where: str) -> dict[str, Any]:
    known = {name: one for name, one in stated.items() if name in SETTINGS and one is not None}
    return checked(known, SETTINGS, where)
