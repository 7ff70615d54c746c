"""Calibration on the user's own answers: corrected estimates, and a price that fits them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Protocol, Self

from edge_router.errors import TooFewOutcomes
from edge_router.guards.stored_json import rounded
from edge_router.routing.artifact.representation import Representation
from edge_router.routing.deciding.operating_point import Correction, fingerprint
from edge_router.routing.deciding.stored_points import StoredPoint, compared, prices_of
from edge_router.routing.experts.expert import Expert
from edge_router.settings.config import Config

from ..calibration.pair import ExpertSource, Pair
from .log import FILE, OutcomeLog
from .outcome import Outcome, require_dim
from .pair_price import PairPrice, fit_price
from .propensity import Interval, LeftOut, LoggedOutcomes, sort_out
from .recalibration import Recalibration, recalibrate

__all__ = ["LogCalibration"]

ROWS_AT_ONCE = 4_096  # a fleet's do not fit into memory
OWN = "your own"
OF_MANY = (
    "an expert's name is taken to mean the same on every device, and answers of one device count "
    "as independent: where few devices gave most of them, the intervals are too narrow"
)


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
    answers would change that. Of the log, which is `whose`, `answers` count; `left_out` says how
    many do not.
    """

    recalibrations: Mapping[str, Recalibration]
    price: PairPrice
    too_few: Mapping[str, int]
    answers: int
    left_out: Mapping[LeftOut, int]
    whose: str = OWN

    @classmethod
    def of(
        cls,
        rows: Iterable[Outcome],
        experts: Sequence[Expert],
        artifact: str,
        *,
        weak: str,
        strong: str,
        share: float,
        usd_per_second: float = 0.0,
        for_cheapest: Callable[[Representation], bool] = lambda _: False,
        whose: str = OWN,
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

        names, waiting = [expert.name for expert in experts], iter(rows)
        parts, left_out = [LoggedOutcomes.of([], experts)], Counter[LeftOut]()
        while some := list(islice(waiting, ROWS_AT_ONCE)):
            kept, others = sort_out(some, names, artifact, no_price)
            left_out.update(others)
            parts.append(LoggedOutcomes.of(kept, experts, usd_per_second=usd_per_second))
        log = LoggedOutcomes.joined(parts)
        try:
            recalibrations, too_few = _recalibrations(log, needed=(weak, strong))
            corrections = {name: one.correction for name, one in recalibrations.items()}
            price = fit_price(log, corrections, weak=weak, strong=strong, share=share)
        except TooFewOutcomes as error:
            advice = _advice(len(log), left_out)
            raise TooFewOutcomes(f"{error}{advice}", needed=error.needed) from None
        return cls(recalibrations, price, too_few, len(log), left_out, whose)

    @classmethod
    def of_device(cls, router: LoggedRouter, config: Config, pair: Pair, *, share: float) -> Self:
        """From this device's own log; see `of`. Raises TooFewOutcomes, LearningError."""
        rows = OutcomeLog(config.data_folder / FILE).rows()
        return cls.of_router(rows, router, config, pair, share=share)

    @classmethod
    def of_router(
        cls,
        rows: Iterable[Outcome],
        router: LoggedRouter,
        config: Config,
        pair: Pair,
        *,
        share: float,
        whose: str = OWN,
    ) -> Self:
        """From rows of any devices, for this router and its settings; see `of`."""
        return cls.of(
            rows,
            router.experts,
            router.artifact.hash,
            weak=pair.weak.name,
            strong=pair.strong.name,
            share=share,
            usd_per_second=config.usd_per_second,
            for_cheapest=router.for_cheapest,
            whose=whose,
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
            f"By {self.answers:,} scored answers of {self.whose}, {_scored(of[pair.weak])}, and "
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
        notes += [f"left out: {_counts(self.left_out)}"] if self.left_out else []
        return notes + ([] if self.whose == OWN else [OF_MANY])


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
