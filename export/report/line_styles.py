"""One line style per contender in every figure: colour for routers, grey for baselines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["BACKGROUND", "COLOURS", "GREYS", "INK", "MUTED", "Look", "contender_looks"]

INK, MUTED, BACKGROUND = "#1f2933", "#6b7785", "#ffffff"
# Okabe and Ito's colours, which the colour-blind tell apart; the first is the artifact's.
COLOURS = ("#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
GREYS = {
    "random": ("#9aa5b1", "dotted"),
    "coin": ("#9aa5b1", "dotted"),
    "prompt length": ("#7b8794", "dashed"),
    "task only": ("#52606d", "dashdot"),
    "best single": ("#7b8794", "dotted"),
    "oracle": ("#1f2933", "solid"),
}


@dataclass(frozen=True, slots=True)
class Look:
    """`named` contenders stand in legends; the others are thin lines behind them.

    `compared` ones are artifacts and routers, the rest is there to compare with.
    """

    colour: str
    dash: str = "solid"
    width: float = 1.6
    named: bool = True
    compared: bool = False


def contender_looks(evaluation: Mapping[str, Any]) -> dict[str, Look]:
    """Colours for artifacts and for the best of the routers, greys for the rest."""
    boards = [*evaluation["leaderboard"], *evaluation["pool_leaderboard"]]
    side = {one["name"]: one["side"] for one in evaluation["contenders"]}
    order = list(dict.fromkeys([row["contender"] for row in boards] + list(side)))
    compared = [name for name in order if side[name] in ("router", "artifact")]
    compared.sort(key=lambda name: side[name] != "artifact")  # stable: then by rank
    colour = dict(zip(compared, COLOURS, strict=False))
    return {name: _look(name, side[name], colour.get(name)) for name in order}


def _look(name: str, side: str, colour: str | None) -> Look:
    compared = side in ("router", "artifact")
    if colour is not None:
        return Look(colour, width=2.6 if side == "artifact" else 1.6, compared=compared)
    if name in GREYS:
        return Look(*GREYS[name], width=1.2)
    return Look("#cbd2d9", width=0.8, named=False, compared=compared)
