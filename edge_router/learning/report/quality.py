"""How good answers were and others would have been: scores where there are any, else estimates.

An expert's estimates are first corrected by its own scored answers (Platt 1999), where there are
enough. What an expert would have scored on queries that another one answered is then the corrected
estimate, plus, where exploration had drawn, the error of the estimate on the answers it did give,
weighted by the inverse of the logged probability of asking it (the doubly robust estimator: Dudik,
Langford and Li 2011, equation 2). Without exploration nothing but the correction vouches for the
estimates of answers that were not given.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from edge_router.routing.arrays import Bools, Float64s, Places
from edge_router.routing.logistic import NO_CORRECTION, log_odds, most_probable, sigmoid

from .answers import LoggedAnswers

__all__ = ["LEAST_SCORED", "Qualities", "Tuning"]

LEAST_SCORED = 50  # scored answers of an expert, before its estimates are corrected by them


@dataclass(frozen=True, slots=True, eq=False)
class Tuning:
    """The correction of one expert's estimates by its `scored` answers, and what it takes to fit it
    again to a resampled log.

    `parameters` (2,) are slope and bias on the log-odds. `gradient` (answers, 2) and `curvature`
    (answers, 2, 2) are what each answer adds to those of the log-likelihood.
    """

    parameters: Float64s
    gradient: Float64s
    curvature: Float64s

    @classmethod
    def fit(cls, odds: Float64s, scores: Float64s, scored: Bools) -> Self:
        """From the expert's log-odds (answers,) and scores where it answered and was `scored`."""
        design = np.stack([odds, np.ones_like(odds)], axis=1)
        seen = design[scored]
        parameters = most_probable(NO_CORRECTION, seen, scores[scored])
        p: Float64s = sigmoid(seen @ parameters)
        gradient: Float64s = np.zeros((len(odds), 2))
        curvature: Float64s = np.zeros((len(odds), 2, 2))
        gradient[scored] = seen * (scores[scored] - p)[:, None]
        of_scored: Float64s = np.einsum("ni,nj,n->nij", seen, seen, p * (1 - p))
        curvature[scored] = of_scored
        return cls(parameters, gradient, curvature)

    def refitted(self, gradient: Float64s, curvature: Float64s) -> Float64s:
        """By how much (repeats, 2) the parameters change with these sums: one step of Newton's."""
        pull = gradient - (self.parameters - NO_CORRECTION.mean)
        steps = np.linalg.solve(curvature + np.eye(2), pull[:, :, None])
        return np.asarray(steps[:, :, 0], dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Qualities:
    """Quality 0..1 of what happened, or of other choices (answers,), and of `single` experts, each
    asked always (answers, experts): see the module.

    `slope_routed` and `slope_single` (answers, experts, 2) say how each moves with the parameters
    of an expert's `tunings` (None for one whose estimates stay). `drawn` (answers,) are those whose
    expert a draw had chosen, and that were scored.
    """

    routed: Float64s
    single: Float64s
    slope_routed: Float64s
    slope_single: Float64s
    tunings: tuple[Tuning | None, ...]
    drawn: Bools

    @classmethod
    def of(cls, log: LoggedAnswers, experts: Places, choices: Places | None = None) -> Self:
        """Of these experts, all of them estimated for each answer; of what happened, or of the
        `choices` (answers,) of other settings."""
        scored = log.scored
        tunings, columns, slopes = [], [], []
        for expert in experts.tolist():
            column, tuning, slope = _corrected(log, expert, scored)
            columns.append(column)
            tunings.append(tuning)
            slopes.append(slope)
        corrected, slope = np.stack(columns, axis=1), np.stack(slopes, axis=1)
        share = _told(log, experts, scored)
        error = np.where(scored, log.score, 0.0)[:, None] - corrected
        single, slope_single = corrected + share * error, slope * (1 - share)[:, :, None]
        if choices is None:
            gave = log.answered[:, None] == experts
            plain = np.where(gave, corrected, 0.0).sum(axis=1)
            routed = np.where(scored, log.score, plain)
            slope_routed = np.where((gave & ~scored[:, None])[:, :, None], slope, 0.0)
        else:
            chosen = choices[:, None] == experts
            routed = np.where(chosen, single, 0.0).sum(axis=1)
            slope_routed = np.where(chosen[:, :, None], slope_single, 0.0)
        drawn = scored & (log.propensity < 1)
        return cls(routed, single, slope_routed, slope_single, tuple(tunings), drawn)


def _told(log: LoggedAnswers, experts: Places, scored: Bools) -> Float64s:
    """(answers, experts): 1 over the probability with which the expert was asked, where it was, it
    answered itself and was scored; else 0."""
    counts = scored & (log.answered == log.asked)
    asked = (log.asked[:, None] == experts) & counts[:, None]
    shares: Float64s = asked / log.propensity[:, None]
    return shares


def _corrected(
    log: LoggedAnswers, expert: int, scored: Bools
) -> tuple[Float64s, Tuning | None, Float64s]:
    """An expert's estimates (answers,) as its scores correct them, the correction, and how the
    estimates move (answers, 2) with its parameters."""
    own = scored & (log.answered == expert)
    odds = log_odds(log.quality[:, expert])
    if own.sum() < LEAST_SCORED:
        return log.quality[:, expert], None, np.zeros((len(log), 2))
    tuning = Tuning.fit(odds, log.score, own)
    slope, bias = tuning.parameters.tolist()
    quality = sigmoid(slope * odds + bias)
    steep = quality * (1 - quality)
    return quality, tuning, np.stack([steep * odds, steep], axis=1)
