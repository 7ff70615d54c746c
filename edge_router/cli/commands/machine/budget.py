"""edge-router budget: shows what of the `[budget]` of the settings is spent, or forgets it."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from edge_router.errors import ConfigError
from edge_router.settings.budget_config import ANY_CALLER

from ...options import add_command, config_of
from ...printing import print_dim, print_json
from ...terminal import visible

if TYPE_CHECKING:
    from edge_router.layers.ledger import Ledger, Window
    from edge_router.settings.config import Config

__all__ = ["add"]


def add(commands: Any) -> None:
    """Register the command."""
    budget = add_command(commands, "budget", _budget, settings=False)
    budget.add_argument(
        "action", choices=("show", "reset"), help="list the limits, or forget what was spent"
    )


def _budget(options: argparse.Namespace) -> None:
    from edge_router.layers.ledger import Ledger

    config = config_of(options)
    ledger = Ledger.in_folder(config.data_folder, config.budget)
    if options.action == "reset":
        ledger.clear()
        if options.json:
            print_json({"reset": str(ledger.path)})
        else:
            print("what was spent is forgotten")
        return
    if not config.budget.is_set:
        raise ConfigError(
            "no budget is set; add [budget] with usd_per_day = 1.0 or so to the settings "
            "(budget_usd is that of one EdgeRouter, and kept in no file)"
        )
    if options.json:
        print_json(_json(config, ledger))
    else:
        _print(config, ledger)


def _windows(config: Config, ledger: Ledger) -> list[Window]:
    """The limits on everyone, then those on each caller that is known, and on each other one."""
    windows = list(ledger.room(None))
    others = [ANY_CALLER] if ANY_CALLER in config.budget.callers else []
    for caller in [*ledger.callers(), *others]:
        windows += [one for one in ledger.room(caller) if one.caller is not None]
    return windows


def _json(config: Config, ledger: Ledger) -> dict[str, Any]:
    return {
        "path": str(ledger.path),
        "limits": [
            {
                "caller": one.caller,
                "period": one.period,
                "unit": "tokens" if one.in_tokens else "usd",
                "limit": one.limit,
                "spent": one.spent,
                "left": one.left,
                "ends": one.ends,
            }
            for one in _windows(config, ledger)
        ],
        "pending": [asdict(one) for one in ledger.pending()],
        "max_cost_usd": config.max_cost_usd,
    }


def _print(config: Config, ledger: Ledger) -> None:
    from edge_router.settings.dollars import dollars

    for one in _windows(config, ledger):
        print(visible(_line(one)))
    if config.max_cost_usd is not None:
        print(f"{dollars(config.max_cost_usd, digits=6)} an answer (max_cost_usd)")
    if pending := ledger.pending():
        usd, tokens = sum(one.usd for one in pending), sum(one.tokens for one in pending)
        print_dim(
            f"{len(pending)} answers are under way or were killed, and count at their most: "
            f"{dollars(usd, digits=4)}, {tokens} tokens"
        )


def _line(one: Window) -> str:
    from edge_router.layers.periods import as_text
    from edge_router.settings.dollars import dollars

    name = "each other caller" if one.caller == ANY_CALLER else one.caller
    whose = "" if name is None else f"{name}: "
    if one.ends is None:
        return f"{whose}{one.limit:.0f} tokens an answer"
    if one.in_tokens:
        spent = f"{one.spent:.0f} of {one.limit:.0f} tokens"
    else:
        spent = f"{dollars(one.spent, digits=4)} of {dollars(one.limit, digits=6)}"
    return f"{whose}{spent} this {one.period}, anew at {as_text(one.ends)}"
