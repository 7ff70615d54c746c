"""Calibration on the user's own answers: corrected estimates, and a threshold on their gain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Self

import numpy as np

from edge_router.errors import TooFewOutcomes
from edge_router.guards.stored_json import rounded
from edge_router.routing.arrays import Float64s
from edge_router.routing.deciding.operating_point import Correction, fingerprint
from edge_router.routing.deciding.stored_points import StoredPoint, compared
from edge_router.routing.experts.expert import Expert
from edge_router.settings.config import Config

from ..calibration.pair import ExpertSource, Pair
from .log import FILE, OutcomeLog
from .outcome import Outcome
from .propensity import LEAST_EFFECTIVE, LeftOut, LoggedOutcomes, effective_size, sort_out
from .recalibration import Interval, Recalibration, recalibrate

__all__ = ["LogCalibration", "PairThreshold", "fit_threshold"]


@dataclass(frozen=True, slots=True, eq=False)
class LogCalibration:
    """What the log tells of the experts: their recalibrations by name, and the threshold of the
    pair that was asked about.

    `too_few` are the experts whose estimates stay as they are, and about how many more scored
    answers would change that. Of the log `answers` count; `left_out` says how many do not.
    """

    recalibrations: Mapping[str, Recalibration]
    threshold: PairThreshold
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
    ) -> Self:
        """From the rows of a log; `experts` are the configured ones, none of them corrected, and
        `artifact` is the hash of the router.

        The threshold keeps `share` of the strong expert's mean score, see `fit_threshold`. The
        same log gives the same, whatever was corrected while it was written. Raises
        TooFewOutcomes, LearningError.
        """
        kept, left_out = sort_out(rows, [expert.name for expert in experts], artifact)
        log = LoggedOutcomes.of(kept, experts)
        try:
            recalibrations, too_few = _recalibrations(log, needed=(weak, strong))
            corrections = {name: one.correction for name, one in recalibrations.items()}
            threshold = fit_threshold(log, corrections, weak=weak, strong=strong, share=share)
        except TooFewOutcomes as error:
            advice = _advice(len(log), left_out)
            raise TooFewOutcomes(f"{error}{advice}", needed=error.needed) from None
        return cls(recalibrations, threshold, too_few, len(log), left_out)

    @classmethod
    def of_device(cls, router: ExpertSource, config: Config, pair: Pair, *, share: float) -> Self:
        """From this device's own log; see `of`. Raises TooFewOutcomes, LearningError."""
        return cls.of(
            OutcomeLog(config.data_folder / FILE).rows(),
            router.experts,
            router.artifact.hash,
            weak=pair.weak.name,
            strong=pair.strong.name,
            share=share,
        )

    def point(
        self,
        name: str,
        router: ExpertSource,
        config: Config,
        pair: Pair,
        *,
        target: str,
        command: str,
    ) -> StoredPoint:
        """The operating point to store, made for the experts that the settings compare."""
        heads = {expert.name: fingerprint(expert.head) for expert in router.experts}
        return StoredPoint(
            name=name,
            promise=self.words,
            min_gain=pair.least_gains(self.threshold.min_gain),
            default=self.threshold.min_gain,
            targets=[target],
            confidence=0.95,
            evidence=self._summary(),
            experts={one.name: one.profile for one in compared(router.artifact, config)},
            artifact={"name": router.artifact.manifest.name, "hash": router.artifact.hash},
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            command=command,
            corrections=self.corrections,
            heads={expert: heads[expert] for expert in self.corrections},
        )

    def _summary(self) -> dict[str, Any]:
        """What was estimated, and on how many answers, as the stored point keeps it."""
        estimated: dict[str, Any] = rounded(
            {
                "experts": {name: asdict(one) for name, one in self.recalibrations.items()},
                "threshold": asdict(self.threshold),
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
        of, pair = self.recalibrations, self.threshold
        when = f"from an expected gain of {100 * pair.min_gain:.3g} points on"
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


THRESHOLDS = 200  # that are tried


@dataclass(frozen=True, slots=True)
class PairThreshold:
    """The least corrected gain (-1..1) from which `strong` is asked instead of `weak`.

    It keeps `share` of the mean score of asking `strong` always, with a 95 % interval, and asks it
    for `calls` (0..1) of the queries; over the logged queries that either of the two might have
    answered, of which `answers` agree with it and tell as much as `effective`.
    """

    weak: str
    strong: str
    min_gain: float
    share: float
    share_interval: Interval
    calls: float
    answers: int
    effective: float


def fit_threshold(
    log: LoggedOutcomes,
    corrections: Mapping[str, Correction],
    *,
    weak: str,
    strong: str,
    share: float,
    seed: int = 0,
    repeats: int = 1000,
) -> PairThreshold:
    """The largest threshold that keeps `share` of the strong expert's mean score, as far as the
    log tells; where none does, the smallest gain, which asks always.

    Uses rows where one of the pair was asked and the other was the alternative draw; skips
    thresholds whose effective sample is below LEAST_EFFECTIVE. The interval is by bootstrap over
    the queries at the chosen threshold. Raises TooFewOutcomes, LearningError.
    """
    pair = _pair(log, weak, strong)
    gains = _corrected(pair, strong, corrections) - _corrected(pair, weak, corrections)
    strong_asked = pair.chosen == log.number(strong)
    weights, scores = 1 / pair.propensity, pair.scores
    for name, asked in ((strong, strong_asked), (weak, ~strong_asked)):
        pair.require(asked, f"of {name!r} where the other might have answered")
    always = weights * strong_asked
    for threshold in _thresholds(gains):
        agrees = weights * (strong_asked == (gains >= threshold))
        enough = effective_size(agrees) >= LEAST_EFFECTIVE
        if enough and _mean(agrees, scores) >= share * _mean(always, scores):
            break
    return PairThreshold(
        weak,
        strong,
        float(threshold),
        _mean(agrees, scores) / max(1e-12, _mean(always, scores)),
        _bootstrap(agrees, always, scores, seed, repeats),
        float(np.mean(gains >= threshold)),
        int((agrees > 0).sum()),
        effective_size(agrees),
    )


def _pair(log: LoggedOutcomes, weak: str, strong: str) -> LoggedOutcomes:
    """The queries in which one of the two was asked and the other one was its rival."""
    w, s = log.number(weak), log.number(strong)
    one = (log.chosen == w) & (log.rival == s)
    other = (log.chosen == s) & (log.rival == w)
    return log.where(one | other)


def _corrected(log: LoggedOutcomes, expert: str, corrections: Mapping[str, Correction]) -> Float64s:
    return corrections[expert].corrected(log.estimates[:, log.number(expert)])


def _thresholds(gains: Float64s) -> Float64s:
    """Descending: 1, which no gain reaches, then gains down to the smallest."""
    shares = np.linspace(1, 0, min(len(gains), THRESHOLDS))
    ranked = np.unique(np.quantile(gains, shares, method="nearest"))[::-1]
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
