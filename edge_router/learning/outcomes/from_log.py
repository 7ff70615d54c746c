"""Calibration on the user's own answers: corrected estimates, and a price that fits them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Protocol, Self

import numpy as np

from edge_router.errors import TooFewOutcomes
from edge_router.guards.stored_json import rounded
from edge_router.routing.arrays import Bools, Float64s
from edge_router.routing.artifact.representation import Representation
from edge_router.routing.deciding.operating_point import Correction, fingerprint
from edge_router.routing.deciding.price import turning_prices
from edge_router.routing.deciding.stored_points import StoredPoint, compared, prices_of
from edge_router.routing.experts.expert import Expert
from edge_router.settings.config import Config

from ..calibration.pair import ExpertSource, Pair
from .log import FILE, OutcomeLog
from .outcome import Outcome, require_dim
from .propensity import LEAST_EFFECTIVE, LeftOut, LoggedOutcomes, effective_size, sort_out
from .recalibration import Interval, Recalibration, recalibrate

__all__ = ["LogCalibration", "PairPrice", "fit_price"]


class LoggedRouter(ExpertSource, Protocol):
    """What a calibration on this device's log needs of a `Router`."""

    def for_cheapest(self, query: Representation) -> bool:
        """Whether the cheapest expert answers the query at any price."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class LogCalibration:
    """What the log tells of the experts: their recalibrations by name, and the price that suits the
    pair that was asked about.

    `too_few` are the experts whose estimates stay as they are, and about how many more scored
    answers would change that. Of the log `answers` count; `left_out` says how many do not.
    """

    recalibrations: Mapping[str, Recalibration]
    price: PairPrice
    too_few: Mapping[str, int]
    answers: int
    left_out: Mapping[LeftOut, int]

    @classmethod
    def of(
        cls,
        rows: Sequence[Outcome],
        experts: Sequence[Expert],
        artifact: str,
        *,
        weak: str,
        strong: str,
        share: float,
        usd_per_second: float = 0.0,
        for_cheapest: Callable[[Representation], bool] = lambda _: False,
    ) -> Self:
        """From the rows of a log; `experts` are the configured ones, none of them corrected, and
        `artifact` is the hash of the router.

        The price keeps `share` of the strong expert's mean score, see `fit_price`, on the queries
        that it decides on: not on those that are `for_cheapest`. The same log gives the same,
        whatever was corrected while it was written. Raises TooFewOutcomes, LearningError.
        """
        dim = len(experts[0].head.weights)

        def no_price(row: Outcome) -> bool:
            require_dim([row], dim)
            return for_cheapest(Representation(row.vector, row.log_tokens))

        kept, left_out = sort_out(rows, [expert.name for expert in experts], artifact, no_price)
        log = LoggedOutcomes.of(kept, experts, usd_per_second=usd_per_second)
        try:
            recalibrations, too_few = _recalibrations(log, needed=(weak, strong))
            corrections = {name: one.correction for name, one in recalibrations.items()}
            price = fit_price(log, corrections, weak=weak, strong=strong, share=share)
        except TooFewOutcomes as error:
            advice = _advice(len(log), left_out)
            raise TooFewOutcomes(f"{error}{advice}", needed=error.needed) from None
        return cls(recalibrations, price, too_few, len(log), left_out)

    @classmethod
    def of_device(cls, router: LoggedRouter, config: Config, pair: Pair, *, share: float) -> Self:
        """From this device's own log; see `of`. Raises TooFewOutcomes, LearningError."""
        return cls.of(
            OutcomeLog(config.data_folder / FILE).rows(),
            router.experts,
            router.artifact.hash,
            weak=pair.weak.name,
            strong=pair.strong.name,
            share=share,
            usd_per_second=config.usd_per_second,
            for_cheapest=router.for_cheapest,
        )

    def point(
        self,
        name: str,
        router: ExpertSource,
        config: Config,
        *,
        target: str,
        command: str,
    ) -> StoredPoint:
        """The operating point to store, made for the experts that the settings compare."""
        heads = {expert.name: fingerprint(expert.head) for expert in router.experts}
        everyone = compared(router.artifact, config)
        return StoredPoint(
            name=name,
            promise=self.words,
            price=self.price.price,
            targets=[target],
            confidence=0.95,
            evidence=self._summary(),
            experts={one.name: one.profile for one in everyone},
            artifact={"name": router.artifact.manifest.name, "hash": router.artifact.hash},
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            command=command,
            usd_per_second=config.usd_per_second,
            needs_tools=config.needs_tools,
            corrections=self.corrections,
            heads={expert: heads[expert] for expert in self.corrections},
            prices={one.name: prices_of(one) for one in everyone},
        )

    def _summary(self) -> dict[str, Any]:
        """What was estimated, and on how many answers, as the stored point keeps it."""
        estimated: dict[str, Any] = rounded(
            {
                "experts": {name: asdict(one) for name, one in self.recalibrations.items()},
                "price": asdict(self.price),
            }
        )
        return estimated | {
            "answers": self.answers,
            "left_out": {why.name.lower(): count for why, count in self.left_out.items()},
            "too_few": dict(self.too_few),
        }

    @property
    def corrections(self) -> Mapping[str, Correction]:
        """By the names of the experts."""
        return {name: one.correction for name, one in self.recalibrations.items()}

    @property
    def words(self) -> str:
        """The result with its intervals, in one sentence."""
        of, pair = self.recalibrations, self.price
        when = f"at a price of {100 * pair.price:.3g} points"
        return (
            f"By {self.answers:,} scored answers of your own, {_scored(of[pair.weak])}, and "
            f"{_scored(of[pair.strong])}; asking {pair.strong} {when if pair.calls else 'never'} "
            f"keeps {pair.share:.1%} of its mean score {_span(pair.share_interval)} and asks it "
            f"for {pair.calls:.0%} of such queries, as far as these answers tell (95 % intervals, "
            "no promise)."
        )

    @property
    def notes(self) -> list[str]:
        """What did not count, one line each."""
        notes = [
            f"{name}: too few scored answers, its estimates stay as they are; score about "
            f"{needed:,} more answers, whoever gives them"
            for name, needed in self.too_few.items()
        ]
        return notes + ([f"left out: {_counts(self.left_out)}"] if self.left_out else [])


def _recalibrations(
    log: LoggedOutcomes, *, needed: tuple[str, str]
) -> tuple[dict[str, Recalibration], dict[str, int]]:
    """Recalibrations of the experts with enough answers (required of those `needed`), and how many
    more answers each of the others needs."""
    recalibrations = {expert: recalibrate(log, expert) for expert in needed}
    too_few = {}
    for expert in log.experts:
        if expert not in recalibrations:
            try:
                recalibrations[expert] = recalibrate(log, expert)
            except TooFewOutcomes as error:
                too_few[expert] = error.needed
    return recalibrations, too_few


def _scored(of: Recalibration) -> str:
    return (
        f"{of.expert} scores {of.mean_score:.1%} {_span(of.mean_score_interval)} where "
        f"{of.expected:.1%} was expected"
    )


def _span(interval: Interval) -> str:
    low, high = interval
    return f"[{low:.1%}, {high:.1%}]"


def _advice(answers: int, left_out: Mapping[LeftOut, int]) -> str:
    """How to get answers that count, and which were left out."""
    if not answers and not left_out:
        return "; learn = true keeps answers, edge-router feedback scores them"
    advice = f"; left out were {_counts(left_out)}" if left_out else ""
    if left_out.get(LeftOut.NO_CHOICE, 0) > answers:
        advice += "; with the setting exploration = 0.1 the other expert answers now and then"
    return advice


def _counts(left_out: Mapping[LeftOut, int]) -> str:
    return ", ".join(f"{left_out[why]:,} {why}" for why in LeftOut if why in left_out)


PRICES = 200  # that are tried


@dataclass(frozen=True, slots=True)
class PairPrice:
    """The highest price (-1..1) at which the pair keeps enough of the strong expert's quality.

    It keeps `share` of the mean score of asking `strong` always, with a 95 % interval, and asks it
    for `calls` (0..1) of the queries; over the logged queries that either of the two might have
    answered, of which `answers` agree with it and tell as much as `effective`.
    """

    weak: str
    strong: str
    price: float
    share: float
    share_interval: Interval
    calls: float
    answers: int
    effective: float


def fit_price(
    log: LoggedOutcomes,
    corrections: Mapping[str, Correction],
    *,
    weak: str,
    strong: str,
    share: float,
    seed: int = 0,
    repeats: int = 1000,
) -> PairPrice:
    """The highest price that keeps `share` of the strong expert's mean score, as far as the log
    tells; where none does, the lowest, which asks the dearer expert always.

    Uses rows where one of the pair was asked and the other was the alternative draw; skips prices
    whose effective sample is below LEAST_EFFECTIVE. The interval is by bootstrap over the queries
    at the chosen price. Raises TooFewOutcomes, LearningError.
    """
    pair = _pair(log, weak, strong)
    turns, strong_is_cheaper = _turns(pair, weak, strong, corrections)
    strong_asked = pair.chosen == log.number(strong)
    weights, scores = 1 / pair.propensity, pair.scores
    for name, asked in ((strong, strong_asked), (weak, ~strong_asked)):
        pair.require(asked, f"of {name!r} where the other might have answered")
    always = weights * strong_asked
    for price in _prices(turns):
        calls = (turns >= price) ^ strong_is_cheaper
        agrees = weights * (strong_asked == calls)
        enough = effective_size(agrees) >= LEAST_EFFECTIVE
        if enough and _mean(agrees, scores) >= share * _mean(always, scores):
            break
    return PairPrice(
        weak,
        strong,
        float(price),
        _mean(agrees, scores) / max(1e-12, _mean(always, scores)),
        _bootstrap(agrees, always, scores, seed, repeats),
        float(np.mean(calls)),
        int((agrees > 0).sum()),
        effective_size(agrees),
    )


def _pair(log: LoggedOutcomes, weak: str, strong: str) -> LoggedOutcomes:
    """The queries in which one of the two was asked and the other one was its rival."""
    w, s = log.number(weak), log.number(strong)
    one = (log.chosen == w) & (log.rival == s)
    other = (log.chosen == s) & (log.rival == w)
    return log.where(one | other)


def _turns(
    pair: LoggedOutcomes, weak: str, strong: str, corrections: Mapping[str, Correction]
) -> tuple[Float64s, Bools]:
    """The highest prices (queries,) at which the dearer one is asked, and whether (queries,) that
    is the weak one."""
    numbers = [pair.number(weak), pair.number(strong)]
    quality = np.stack(
        [
            corrections[name].corrected(pair.estimates[:, number])
            for name, number in zip((weak, strong), numbers, strict=True)
        ],
        axis=1,
    )
    expense = pair.expense[:, numbers]
    return turning_prices(quality, expense), expense[:, 1] < expense[:, 0]


def _prices(turns: Float64s) -> Float64s:
    """Descending: 1, then those at which queries turn, within -1..1, down to the lowest."""
    within = np.clip(turns, -1.0, 1.0)
    shares = np.linspace(1, 0, min(len(turns), PRICES))
    ranked = np.unique(np.quantile(within, shares, method="nearest"))[::-1]
    return np.concatenate([[1.0], ranked])


def _mean(weights: Float64s, scores: Float64s) -> float:
    """The self-normalised estimate of a mean score."""
    return float(weights @ scores / max(1e-12, weights.sum()))


def _bootstrap(
    agrees: Float64s, always: Float64s, scores: Float64s, seed: int, repeats: int
) -> Interval:
    """95 % of resampled logs have their share between these two."""
    random, shares = np.random.default_rng(seed), []
    for _ in range(repeats):
        rows = random.integers(len(scores), size=len(scores))
        kept = _mean(agrees[rows], scores[rows])
        shares.append(kept / max(1e-12, _mean(always[rows], scores[rows])))
    low, high = np.quantile(shares, [0.025, 0.975])
    return float(low), float(high)
