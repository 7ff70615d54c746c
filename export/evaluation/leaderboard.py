"""The leaderboard: each contender's mean over all tables, with its distance to the first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edge_router.routing.arrays import Float64s

from ..metrics.apgr import Interval, interval
from .contenders import Contender, Side
from .results import Standing, interval_json

__all__ = ["behind", "behind_first", "first_of", "kind_of_table", "leaderboard"]

Standings = Mapping[str, Standing]

# What people ask an assistant; every other table asks for exam answers or the like.
EVERYDAY_TABLES = ("everyday_", "tengu_", "m_ifeval_", "home_assistant_")


def kind_of_table(table: str) -> str:
    """Which of the two means a table counts for: "everyday" or "exam"."""
    return "everyday" if table.startswith(EVERYDAY_TABLES) else "exam"


def first_of(contenders: Sequence[Contender], standings: Standings) -> str | None:
    """The contender with the largest value, of those that do not know the outcomes."""
    ranked = [
        contender.name
        for contender in contenders
        if contender.side is not Side.BOUND and np.isfinite(standings[contender.name].value)
    ]
    return max(ranked, key=lambda name: standings[name].value, default=None)


def behind(standing: Standing, other: Standing) -> Interval:
    """A contender's difference to another on the same resamples (a paired bootstrap)."""
    return interval(standing.value - other.value, standing.resampled - other.resampled)


def behind_first(standing: Standing, first: Standing) -> dict[str, Any]:
    """It is level with the first when the 95 % interval of the difference holds 0."""
    interval = behind(standing, first)
    level = interval.low <= 0 <= interval.high
    return {"behind_first": interval_json(interval), "level_with_first": level}


def leaderboard(
    contenders: Sequence[Contender], standings: Mapping[str, Standings], *, subject: str
) -> list[dict[str, Any]]:
    """Means over the tasks in `standings` (task -> contender -> standing), the best first, and how
    far each lies behind the `subject`.

    Rows are resampled within each task. A task in which nobody has a value (no gap) counts for
    nobody; a contender without a value in one of the others is left out. Bounds have no rank.
    """
    valued = [
        standing for standing in standings.values() if first_of(contenders, standing) is not None
    ]
    means = {
        contender.name: _mean([standing[contender.name] for standing in valued])
        for contender in contenders
        if valued and all(np.isfinite(standing[contender.name].value) for standing in valued)
    }
    order = sorted(means, key=lambda name: -means[name].value)
    bounds = {contender.name for contender in contenders if contender.side is Side.BOUND}
    ranked = [name for name in order if name not in bounds]
    return [
        {
            "contender": name,
            "rank": ranked.index(name) + 1 if name in ranked else None,
            "mean": interval_json(interval(means[name].value, means[name].resampled)),
            "tasks": len(valued),
            **behind_first(means[name], means[ranked[0]]),
            "behind_subject": interval_json(behind(means[name], means[subject]))
            if subject in means
            else None,
        }
        for name in order
    ]


def _mean(standings: Sequence[Standing]) -> Standing:
    resampled: Float64s = np.mean([standing.resampled for standing in standings], axis=0)
    return Standing({}, float(np.mean([standing.value for standing in standings])), resampled)
