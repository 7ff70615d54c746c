"""One contender on one task: every measure with its 95 % bootstrap interval, ready for JSON."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from edge_router.routing.arrays import Float64s

from ..metrics.apgr import (
    Counts,
    GapCurve,
    Interval,
    brier,
    expected_calibration_error,
    in_parts,
    interval,
    reliability,
    with_interval,
)
from .contenders import Contender, Predictions, entropy_bits
from .tasks.draws import Draws, Group
from .tasks.task import Task
from .tradeoff import SHARES, cost_quality, resampled_aiq

__all__ = ["Standing", "interval_json", "judge", "main_measure"]

PAIR_MEASURES = ("apgr", "cpt50", "cpt80", "pgr20", "pgr50")
COST_MEASURES = ("aiq",)
CHOICE_MEASURES = ("mu_o", "v_r", "v_b", "e_p")
DIGITS = 6

Measure = Callable[[Counts], Float64s]


@dataclass(frozen=True, slots=True)
class Standing:
    """`result` is ready for JSON; `resampled` (repeats,) is the measure by which `task` ranks."""

    result: dict[str, Any]
    value: float
    resampled: Float64s


def main_measure(task: Task) -> str:
    """What contenders are ranked by: APGR on a pair, V_B (the order of mu_o) on a pool."""
    return "apgr" if task.kind == "pair" else "v_b"


def judge(contender: Contender, task: Task, predictions: Predictions, draws: Draws) -> Standing:
    """Every measure that this kind of task and of contender has; the others are None."""
    values, resampled = _measures(contender, task, predictions, draws.counts)
    result: dict[str, Any] = dict.fromkeys((*PAIR_MEASURES, *COST_MEASURES, *CHOICE_MEASURES))
    result |= {name: interval_json(interval(values[name], resampled[name])) for name in values}
    ranked = task.kind == "pair" and contender.ranks
    result |= {
        "curve": _curve(task, predictions) if ranked else None,
        "languages": _per_group(task, predictions, draws.languages) if ranked else None,
        "lengths": _per_group(task, predictions, draws.lengths) if ranked else None,
        "calibration": _calibration(task, predictions) if contender.probabilities else None,
        "allocation": _rounded(predictions.shares.sum(axis=0)),
    }
    main = main_measure(task)
    nothing = np.full(len(draws.counts), np.nan)
    return Standing(result, values.get(main, float("nan")), resampled.get(main, nothing))


def _measures(
    contender: Contender, task: Task, predictions: Predictions, counts: Counts
) -> tuple[dict[str, float], dict[str, Float64s]]:
    """Measures by name: of all rows, and (resamples,) of the resampled ones."""
    once = np.ones((1, len(task.test)), dtype=np.uint16)
    values: dict[str, float] = {}
    resampled: dict[str, Float64s] = {}
    for names, measure in _measure_groups(contender, task, predictions).items():
        values |= dict(zip(names, measure(once)[:, 0].tolist(), strict=True))
        resampled |= dict(zip(names, in_parts(measure, counts), strict=True))
    return values, resampled


def _measure_groups(
    contender: Contender, task: Task, predictions: Predictions
) -> dict[tuple[str, ...], Measure]:
    """Functions from counts (resamples, queries) to (names, resamples)."""
    groups: dict[tuple[str, ...], Measure] = {CHOICE_MEASURES: partial(_choice, task, predictions)}
    if task.kind == "pair" and contender.ranks:
        groups[PAIR_MEASURES] = partial(_pair, task, predictions)
    costs = task.costs()
    if costs is not None and contender.ranks:
        groups[COST_MEASURES] = lambda counts: resampled_aiq(task, predictions, costs, counts)[None]
    return groups


def _pair(task: Task, predictions: Predictions, counts: Counts) -> Float64s:
    weak, strong = task.test.scores.T
    curve = GapCurve.of(_gains(predictions), weak, strong, counts)
    return np.array([curve.apgr(), curve.cpt(0.5), curve.cpt(0.8), curve.pgr(0.2), curve.pgr(0.5)])


def _gains(predictions: Predictions) -> Float64s:
    gains: Float64s = predictions.utilities[:, 1] - predictions.utilities[:, 0]
    return gains


def _choice(task: Task, predictions: Predictions, counts: Counts) -> Float64s:
    """mu_o, V_R, V_B and E_p (RouterEval, equations 5-7), (4, resamples).

    The best single model is the one of all test rows, in every resample.
    """
    chosen = (predictions.shares * task.test.scores).sum(axis=1)
    best = task.test.scores[:, task.test.scores.mean(axis=0).argmax()]
    known = ~np.isnan(task.reference_scores)
    reference = np.where(known, task.reference_scores, 0.0)
    drawn = counts.astype(np.float64)
    total = drawn.sum(axis=1)
    return np.array(
        [
            drawn @ chosen / total,
            _ratio(drawn @ (chosen * known), drawn @ reference),
            _ratio(drawn @ chosen, drawn @ best),
            _selection_entropy(predictions, drawn / total[:, None]),
        ]
    )


def _selection_entropy(predictions: Predictions, weights: Float64s) -> Float64s:
    """E_p in bits, (resamples,); `weights` (resamples, queries) of sum 1.

    The mean entropy of the router's own distribution (equation 7). A router that states none, but
    picks, has the entropy of its picks' shares: 0 where it always picks the same expert. So have
    the cluster routers of RouterEval's tables.
    """
    if predictions.stated is None:
        return entropy_bits(weights @ predictions.shares)
    return weights @ entropy_bits(predictions.stated)


def _ratio(part: Float64s, whole: Float64s) -> Float64s:
    ratio: Float64s = np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
    return ratio


def _curve(task: Task, predictions: Predictions) -> dict[str, Any]:
    """The cost-quality curve: mean score, and dollars where known, per share of strong calls."""
    weak, strong = task.test.scores.T
    curve = GapCurve.of(_gains(predictions), weak, strong)
    costs = task.costs()
    once = np.ones((1, len(task.test)), dtype=np.uint16)
    paid = None if costs is None else cost_quality(task, predictions, costs, once)[0][0]
    return {
        "calls": _rounded(SHARES),
        "score": _rounded(np.concatenate([curve.score(share) for share in SHARES.tolist()])),
        "cost_usd": None if paid is None else paid.tolist(),
    }


def _per_group(
    task: Task, predictions: Predictions, groups: tuple[Group, ...]
) -> list[dict[str, Any]]:
    gains, weak, strong = _gains(predictions), *task.test.scores.T
    return [
        {
            "name": group.name,
            "rows": len(group.rows),
            "apgr": interval_json(
                _group_apgr(gains[group.rows], weak[group.rows], strong[group.rows], group.counts)
            ),
        }
        for group in groups
    ]


def _group_apgr(gains: Float64s, weak: Float64s, strong: Float64s, counts: Counts) -> Interval:
    return with_interval(lambda part: GapCurve.of(gains, weak, strong, part).apgr(), counts)


def _calibration(task: Task, predictions: Predictions) -> dict[str, Any]:
    """Calibration over all (query, expert) cells."""
    predicted = np.clip(predictions.utilities, 0, 1).ravel()  # a regression may overshoot
    scores = task.test.scores.ravel()
    confidence, score, size = reliability(predicted, scores)
    return {
        "ece": _number_json(expected_calibration_error(predicted, scores)),
        "brier": _number_json(brier(predicted, scores)),
        "bins": [
            {"predicted": _number_json(p), "score": _number_json(s), "count": int(n)}
            for p, s, n in zip(confidence.tolist(), score.tolist(), size.tolist(), strict=True)
            if n
        ],
    }


def _rounded(values: Float64s) -> list[float]:
    return [round(value, DIGITS) for value in values.tolist()]


def _number_json(value: float) -> float | None:
    """JSON has no NaN: a value that does not exist is null."""
    return round(value, DIGITS) if np.isfinite(value) else None


def interval_json(interval: Interval) -> list[float | None] | None:
    """[value, low, high], None where there is no value; ends that do not exist are None."""
    if not np.isfinite(interval.value):
        return None
    return [_number_json(interval.value), _number_json(interval.low), _number_json(interval.high)]
