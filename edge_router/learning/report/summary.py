"""Which expert answered how many queries and why, what it cost, and how long it took."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edge_router.routing.arrays import Bools, Float64s, Places

from .answers import LoggedAnswers

__all__ = [
    "ExpertSummary",
    "ReadPrice",
    "Reading",
    "ReasonCount",
    "ShadowSummary",
    "expert_summaries",
    "moves_of",
    "reading_of",
    "reason_counts",
    "shadow_summary",
]

PERCENTILES = (50, 95, 99)


@dataclass(frozen=True, slots=True)
class ExpertSummary:
    """The `answers` that one expert gave.

    `usd` is what they cost together, `unpriced` how many of them have no known cost. `expected` is
    the mean quality 0..1 that the router expected, `score` the mean of the `scored` ones.
    `stepped_in` were given in place of another expert, `ended_early` cancelled or broken off.
    Seconds at PERCENTILES, of complete answers: until the first token, and in all.
    """

    name: str
    answers: int
    share: float
    usd: float
    unpriced: int
    expected: float
    scored: int
    score: float | None
    stepped_in: int
    ended_early: int
    first_token_s: tuple[float, ...] | None
    total_s: tuple[float, ...] | None


def expert_summaries(log: LoggedAnswers) -> tuple[ExpertSummary, ...]:
    """One for each expert that answered, the busiest first."""
    summaries = [_summary(log, number) for number in np.unique(log.answered).tolist()]
    return tuple(sorted(summaries, key=lambda one: -one.answers))


def _summary(log: LoggedAnswers, number: int) -> ExpertSummary:
    own = log.answered == number
    complete, scored = own & (log.ended == "complete"), own & log.scored
    count = int(own.sum())
    return ExpertSummary(
        name=log.experts[number],
        answers=count,
        share=count / len(log),
        usd=float(np.nansum(log.cost_usd[own])),
        unpriced=int(np.isnan(log.cost_usd[own]).sum()),
        expected=float(log.quality[own, number].mean()),
        scored=int(scored.sum()),
        score=float(log.score[scored].mean()) if scored.any() else None,
        stepped_in=int((own & (log.asked != number)).sum()),
        ended_early=int((own & ~complete).sum()),
        first_token_s=_percentiles(log.first_token_s, complete),
        total_s=_percentiles(log.total_s, complete),
    )


def _percentiles(seconds: Float64s, of: Bools) -> tuple[float, ...] | None:
    if not of.any():
        return None
    return tuple(float(value) for value in np.percentile(seconds[of], PERCENTILES))


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How many answers of an expert had a stable reason, "" where an old log does not say."""

    reason: str
    expert: str
    answers: int


def reason_counts(log: LoggedAnswers) -> tuple[ReasonCount, ...]:
    """The most frequent first."""
    reasons, numbers = np.unique(log.reason, return_inverse=True)
    pairs, counts = np.unique(np.stack([numbers, log.answered], axis=1), axis=0, return_counts=True)
    counted = [
        ReasonCount(str(reasons[reason]), log.experts[expert], int(count))
        for (reason, expert), count in zip(pairs.tolist(), counts.tolist(), strict=True)
    ]
    return tuple(sorted(counted, key=lambda one: (-one.answers, one.reason, one.expert)))


@dataclass(frozen=True, slots=True)
class ReadPrice:
    """Dollars of an expert for a token read (None where not known), and for a second of the user's
    machine and waiting."""

    usd_per_token: float | None = None
    usd_per_second: float = 0.0
    on_device: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """What one expert read: `tokens` in all, `cached` of them from a cache of its own as far as it
    says (of `told` answers).

    `cached_saved_usd` is what a discount on cached tokens takes off the cost above, None where the
    price is not known. On this device nothing is paid by the token: reading again costs `read_s`
    seconds until the first token, worth `read_usd`.
    """

    name: str
    tokens: int
    cached: int
    told: int
    cached_saved_usd: float | None
    read_s: float | None
    read_usd: float | None


def reading_of(
    log: LoggedAnswers,
    prices: Mapping[str, ReadPrice],
    *,
    cached_share: float,
) -> tuple[Reading, ...]:
    """By expert. A cached token costs `cached_share` (0..1) of a new one."""
    return tuple(
        _reading(log, number, prices.get(log.experts[number], ReadPrice()), cached_share)
        for number in np.unique(log.answered).tolist()
    )


def _reading(log: LoggedAnswers, number: int, price: ReadPrice, cached_share: float) -> Reading:
    own = log.answered == number
    cached = float(np.nansum(log.cached_tokens[own]))
    saved = None
    if price.usd_per_token is not None and not price.on_device:
        saved = cached * price.usd_per_token * (1 - cached_share)
    seconds = float(log.first_token_s[own].sum()) if price.on_device else None
    return Reading(
        name=log.experts[number],
        tokens=int(np.nansum(log.input_tokens[own])),
        cached=int(cached),
        told=int((~np.isnan(log.cached_tokens[own])).sum()),
        cached_saved_usd=saved,
        read_s=seconds,
        read_usd=None if seconds is None else seconds * price.usd_per_second,
    )


@dataclass(frozen=True, slots=True)
class ShadowSummary:
    """What a second operating point would have asked for, beside what was asked, by the router's
    estimates: differences of means per query (shadow less what happened)."""

    answers: int
    differs: int
    quality: float
    usd: float | None
    seconds: float
    moves: Mapping[str, int]


def shadow_summary(log: LoggedAnswers) -> ShadowSummary | None:
    """None where no row has a shadow."""
    has = log.shadow >= 0
    if not has.any():
        return None
    rows = np.flatnonzero(has)
    mine, other = log.asked[rows], log.shadow[rows]
    usd = log.expected_usd[rows, other] - log.expected_usd[rows, mine]
    return ShadowSummary(
        answers=len(rows),
        differs=int((mine != other).sum()),
        quality=float((log.quality[rows, other] - log.quality[rows, mine]).mean()),
        usd=None if np.isnan(usd).any() else float(usd.mean()),
        seconds=float((log.expected_s[rows, other] - log.expected_s[rows, mine]).mean()),
        moves=dict(moves_of(log, mine, other)),
    )


def moves_of(log: LoggedAnswers, then: Places, now: Places) -> Counter[str]:
    """How often "a to b": the numbers of the experts `then` and `now` (answers,) differ."""
    pairs = zip(then.tolist(), now.tolist(), strict=True)
    return Counter(f"{log.experts[a]} to {log.experts[b]}" for a, b in pairs if a != b)
