"""Calibration on the user's own answers: corrected estimates, and a threshold on their gain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from .correction import Correction
from .errors import TooFewOutcomes
from .experts import Expert
from .logged_outcomes import LeftOut, LoggedOutcomes, sort_out
from .outcome_log import Outcome
from .pair_threshold import PairThreshold, fit_threshold
from .recalibration import Interval, Recalibration, recalibrate

__all__ = ["LogCalibration"]


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
            found, too_few = _recalibrations(log, needed=(weak, strong))
            corrections = {name: one.correction for name, one in found.items()}
            threshold = fit_threshold(log, corrections, weak=weak, strong=strong, share=share)
        except TooFewOutcomes as error:
            told = _advice(len(log), left_out)
            raise TooFewOutcomes(f"{error}{told}", needed=error.needed) from None
        return cls(found, threshold, too_few, len(log), left_out)

    @property
    def corrections(self) -> Mapping[str, Correction]:
        """By the names of the experts."""
        return {name: found.correction for name, found in self.recalibrations.items()}

    @property
    def words(self) -> str:
        """What was found and how sure it is, in one sentence."""
        found, pair = self.recalibrations, self.threshold
        when = f"from an expected gain of {100 * pair.min_gain:.3g} points on"
        return (
            f"By {self.answers:,} scored answers of your own, {_told(found[pair.weak])}, and "
            f"{_told(found[pair.strong])}; asking {pair.strong} {when if pair.calls else 'never'} "
            f"keeps {pair.share:.1%} of its mean score {_span(pair.share_interval)} and asks it "
            f"for {pair.calls:.0%} of such queries, as far as these answers tell (95 % intervals, "
            "no promise)."
        )

    @property
    def notes(self) -> list[str]:
        """What did not count, one line each."""
        told = [
            f"{name}: too few scored answers, its estimates stay as they are; score about "
            f"{needed:,} more answers, whoever gives them"
            for name, needed in self.too_few.items()
        ]
        return told + ([f"left out: {_counts(self.left_out)}"] if self.left_out else [])


def _recalibrations(
    log: LoggedOutcomes, *, needed: tuple[str, str]
) -> tuple[dict[str, Recalibration], dict[str, int]]:
    """Of everyone who has enough answers, which those `needed` must have; and who has not."""
    found = {expert: recalibrate(log, expert) for expert in needed}
    too_few = {}
    for expert in log.experts:
        if expert not in found:
            try:
                found[expert] = recalibrate(log, expert)
            except TooFewOutcomes as error:
                too_few[expert] = error.needed
    return found, too_few


def _told(found: Recalibration) -> str:
    return (
        f"{found.expert} scores {found.mean_score:.1%} {_span(found.mean_score_interval)} where "
        f"{found.expected:.1%} was expected"
    )


def _span(interval: Interval) -> str:
    low, high = interval
    return f"[{low:.1%}, {high:.1%}]"


def _advice(answers: int, left_out: Mapping[LeftOut, int]) -> str:
    """How to come by answers that count, and what there is of others."""
    if not answers and not left_out:
        return "; learn = true keeps answers, edge-router feedback scores them"
    told = f"; left out were {_counts(left_out)}" if left_out else ""
    if left_out.get(LeftOut.NO_CHOICE, 0) > answers:
        told += "; with the setting exploration = 0.1 the other expert answers now and then"
    return told


def _counts(left_out: Mapping[LeftOut, int]) -> str:
    return ", ".join(f"{left_out[why]:,} {why}" for why in LeftOut if why in left_out)
