"""Logged answers with the probability of asking each expert: off-policy data of a pair."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Self

import numpy as np

from edge_router.errors import LearningError, TooFewOutcomes
from edge_router.routing.arrays import Bools, Float64s, Places
from edge_router.routing.deciding.price import expenses
from edge_router.routing.experts.expert import Expert

from .outcome import Outcome, require_dim

__all__ = [
    "LEAST_EFFECTIVE",
    "Interval",
    "LeftOut",
    "LoggedOutcomes",
    "effective_size",
    "sort_out",
]

Interval = tuple[float, float]

LEAST_EFFECTIVE = 100  # scored answers: the mean of so many is known to within 0.1
COLUMNS = ("estimates", "chosen", "rival", "propensity", "scores", "expense")  # one row a query


class LeftOut(StrEnum):
    """Why a row of the log tells nothing here; the first that applies counts.

    A scored answer that its reader cancelled does count: bad answers are the ones that are stopped.
    One that broke off says how the connection was, not how good the expert is.
    """

    OTHER_ROUTER = "read by another router"
    NOT_SCORED = "not scored"
    BROKE_OFF = "broken off by the expert"
    ANOTHER_ANSWERED = "answered by another expert after a failure or a hand-over"
    NOT_CONFIGURED = "of experts that the settings do not have"
    NEEDS_TOOLS = "to queries that need live data or a device, for the cheapest expert"
    NO_CHOICE = "that nobody else might have answered (exploration)"


@dataclass(frozen=True, slots=True, eq=False)
class LoggedOutcomes:
    """Scored answers, each by one of two experts that might have given it.

    `estimates` (queries, experts) are the probabilities 0..1 that the router gives for a good
    answer before any correction. Expert number `chosen` (queries,) was asked with probability
    `propensity` (queries,), else number `rival` would have been, -1 where `experts` does not have
    it. `scores` (queries,) 0..1. `expense` (queries, experts) is how dear each was beside the
    dearest that was compared, 0..1, NaN for one that was not. Raises LearningError for a number
    outside of these.
    """

    experts: tuple[str, ...]
    estimates: Float64s
    chosen: Places
    rival: Places
    propensity: Float64s
    scores: Float64s
    expense: Float64s

    def __post_init__(self) -> None:
        p, scores, given = self.propensity, self.scores, self.estimates
        _require("propensity", p, (p > 0) & (p < 1), "between 0 and 1")
        _require("score", scores, (scores >= 0) & (scores <= 1), "in 0..1")
        _require("estimate", given, (given >= 0) & (given <= 1), "in 0..1")

    @classmethod
    def of(
        cls, rows: Sequence[Outcome], experts: Sequence[Expert], *, usd_per_second: float = 0.0
    ) -> Self:
        """Rows that `sort_out` has kept for these experts, none of them corrected.

        Estimates are made anew from the logged representations: those in the log may have been
        corrected, and a correction of them would come on top. Raises LearningError.
        """
        numbers = {expert.name: number for number, expert in enumerate(experts)}
        return cls(
            tuple(numbers),
            _estimates(rows, experts),
            np.array([numbers[row.expert] for row in rows], dtype=np.intp),
            np.array([numbers.get(row.rival or "", -1) for row in rows], dtype=np.intp),
            np.array([row.propensity for row in rows], dtype=np.float64),
            np.array([row.score for row in rows], dtype=np.float64),
            _expenses(rows, experts, usd_per_second),
        )

    @classmethod
    def joined(cls, parts: Sequence[LoggedOutcomes]) -> Self:
        """One after the other, at least one, all of the same experts."""
        arrays = (np.concatenate([getattr(part, name) for part in parts]) for name in COLUMNS)
        return cls(parts[0].experts, *arrays)

    def __len__(self) -> int:
        return len(self.chosen)

    def number(self, expert: str) -> int:
        """Raises LearningError for an expert that cannot be in the log."""
        if expert not in self.experts:
            raise LearningError(
                f"{expert!r} has answered nothing: the settings have {', '.join(self.experts)}"
            )
        return self.experts.index(expert)

    def where(self, keep: Bools) -> Self:
        """Only the rows at which `keep` (queries,) is true."""
        columns: dict[str, Any] = {name: getattr(self, name)[keep] for name in COLUMNS}
        return replace(self, **columns)

    def require(self, of: Bools, which: str) -> float:
        """The effective size of the rows at which `of` (queries,) is true.

        `which` completes "scored answers ...". Raises TooFewOutcomes below LEAST_EFFECTIVE.
        """
        effective = effective_size(1 / self.propensity[of])
        if effective >= LEAST_EFFECTIVE:
            return effective
        needed = self._more_needed(effective)
        raise TooFewOutcomes(
            f"{int(of.sum())} scored answers {which} tell as much as {effective:.0f} equally "
            f"weighted ones; {LEAST_EFFECTIVE} are needed: score about {needed:,} more answers, "
            "whoever gives them",
            needed=needed,
        )

    def _more_needed(self, effective: float) -> int:
        """How many more rows like these, of all experts, would do.

        An expert that was never asked is asked as often as the rarest draw.
        """
        if effective:
            return math.ceil(len(self) * (LEAST_EFFECTIVE / effective - 1))
        rarest = min(self.propensity.min(), 1 - self.propensity.max()) if len(self) else 0.5
        return math.ceil(LEAST_EFFECTIVE / rarest - 1e-6)


def sort_out(
    rows: Sequence[Outcome],
    experts: Sequence[str],
    artifact: str,
    for_cheapest: Callable[[Outcome], bool] = lambda _: False,
) -> tuple[list[Outcome], Mapping[LeftOut, int]]:
    """The rows of the artifact with this hash that tell something of `experts`, and how many of
    the others there are of each kind. Rows `for_cheapest` are of queries that no price decides on.
    """
    reasons = [
        _left_out(row, experts, artifact) or _without_choice(row, for_cheapest) for row in rows
    ]
    kept = [row for row, reason in zip(rows, reasons, strict=True) if reason is None]
    return kept, Counter(reason for reason in reasons if reason is not None)


def _left_out(row: Outcome, experts: Sequence[str], artifact: str) -> LeftOut | None:
    checks = {
        LeftOut.OTHER_ROUTER: row.artifact != artifact,
        LeftOut.NOT_SCORED: row.score is None,
        LeftOut.BROKE_OFF: row.ended == "broken",
        LeftOut.ANOTHER_ANSWERED: row.answered_by != row.expert,
        LeftOut.NOT_CONFIGURED: row.expert not in experts,
    }
    return next((reason for reason, applies in checks.items() if applies), None)


def _without_choice(row: Outcome, for_cheapest: Callable[[Outcome], bool]) -> LeftOut | None:
    if for_cheapest(row):
        return LeftOut.NEEDS_TOOLS
    return LeftOut.NO_CHOICE if row.propensity >= 1 else None


def _estimates(rows: Sequence[Outcome], experts: Sequence[Expert]) -> Float64s:
    """(rows, experts). Raises LearningError for a representation of another length."""
    size = len(experts[0].head.weights)
    require_dim(rows, size)
    vectors = np.array([row.vector for row in rows], dtype=np.float64).reshape(len(rows), size)
    return np.stack([expert.head.qualities(vectors) for expert in experts], axis=1)


def _expenses(
    rows: Sequence[Outcome], experts: Sequence[Expert], usd_per_second: float
) -> Float64s:
    """(rows, experts), by the dollars and seconds that were expected then; an expert that the
    settings no longer have counts as one that the query would leave the device for."""
    on_device = {expert.name for expert in experts if not expert.leaves_device}
    compared: dict[tuple[str, ...], list[int]] = {}
    for number, row in enumerate(rows):
        compared.setdefault(tuple(row.estimates), []).append(number)
    table = np.full((len(rows), len(experts)), np.nan)
    for names, numbers in compared.items():
        estimates = [
            row.estimates[name] for row in map(rows.__getitem__, numbers) for name in names
        ]
        costs = [np.nan if one.cost_usd is None else one.cost_usd for one in estimates]
        seconds = [one.latency_s for one in estimates]
        leaves = np.array([name not in on_device for name in names])
        shape = (-1, len(names))
        of_all = expenses(
            np.array(costs).reshape(shape), np.array(seconds).reshape(shape), leaves, usd_per_second
        )
        for place, expert in enumerate(experts):
            if expert.name in names:
                table[numbers, place] = of_all[:, names.index(expert.name)]
    return table


def _require(name: str, values: Float64s, fits: Bools, span: str) -> None:
    if not fits.all():
        raise LearningError(f"a {name} of {values[~fits][0]:g} is logged; it must be {span}")


def effective_size(weights: Float64s) -> float:
    """How many equally weighted queries tell as much as these (Kish 1965): (sum w)^2 / sum w^2."""
    total = float(weights.sum())
    return total * total / float(weights @ weights) if total > 0 else 0.0
