"""Temperature and operating points, with what these did on the dev split of the quantised
encoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edge_router.chat.completion import DEFAULT_MAX_TOKENS, estimated_tokens
from edge_router.routing.arrays import Bools, Float64s
from edge_router.routing.deciding.price import chosen, expenses
from edge_router.routing.experts.expert import PROFILES
from edge_router.routing.logistic import sigmoid

from ..metrics.apgr import brier, expected_calibration_error
from ..recipe import PointPlan
from ..training.heads import LinearHead

__all__ = ["calibrate", "fit_temperature", "promise", "reference_expense"]


EVERYDAY = "everyday"  # what the names of tables of real prompts begin with
DEAREST = "frontier"
CHEAPER = ("135m", "1b", "3b", "8b")  # each of them is measured against the dearest


def calibrate(
    vectors: Float64s,
    scores: Mapping[str, Float64s],
    heads: Mapping[str, LinearHead],
    *,
    points: Mapping[str, PointPlan],
    expense: Float64s,
    tables: Sequence[str],
) -> dict[str, Any]:
    """The content of calibration.json.

    `vectors` (queries, dim), `scores[profile]` (queries,), NaN where unknown, `expense` (queries,
    profiles) and the names of the `tables` (queries,) of the dev split. One temperature serves all
    heads. Each operating point holds its price with what it did there, apart for the tables of
    everyday prompts and for those of exams.
    """
    log_odds = {name: head.log_odds(vectors) for name, head in heads.items()}
    known = {name: ~np.isnan(scores[name]) for name in PROFILES}
    seen_odds = np.concatenate([log_odds[p][known[p]] for p in PROFILES])
    seen_scores = np.concatenate([scores[p][known[p]] for p in PROFILES])
    temperature = fit_temperature(seen_odds, seen_scores)
    quality = np.stack([sigmoid(log_odds[p] / temperature) for p in PROFILES], axis=1)
    reached = np.stack([scores[p].astype(np.float64) for p in PROFILES], axis=1)
    everyday = np.array([name.startswith(EVERYDAY) for name in tables], dtype=np.bool_)
    groups = {"exam": ~everyday, "everyday": everyday}
    return {
        "temperature": temperature,
        "ece": expected_calibration_error(sigmoid(seen_odds / temperature), seen_scores),
        "brier": brier(sigmoid(seen_odds / temperature), seen_scores),
        "operating_points": {
            name: {
                "promise": promise(point),
                "price": point.price,
                "least_quality": point.least_quality,
                "evidence": _evidence(quality, reached, expense, point, groups),
            }
            for name, point in points.items()
        },
    }


def promise(point: PointPlan) -> str:
    """What an operating point asks for, in the user's terms."""
    floor = point.least_quality
    low = f"; no expert expected below {floor:.0%} while another one reaches it" if floor else ""
    return (
        "asks the dearest expert when that raises the chance of a good answer by "
        f"{100 * point.price:.3g} points, cheaper ones in proportion{low}"
    )


def reference_expense(
    profiles: Mapping[str, Any], log_tokens: Float64s, characters: Sequence[int]
) -> Float64s:
    """The expense (queries, profiles) of each profile at its reference price, for queries of so
    many `characters` (queries,) and the encoder's `log_tokens` (queries,); `profiles` as in
    experts.json."""
    read = np.array([estimated_tokens(count) for count in characters], dtype=np.float64)
    costs, leaves = [], []
    for name in PROFILES:
        reference, offset = profiles[name]["reference"], profiles[name]["head"]["log_tokens"]
        written = np.exp(np.clip(log_tokens + offset, 0.0, np.log(DEFAULT_MAX_TOKENS)))
        price = reference["pricing"]
        costs.append(
            read * price["input_usd_per_million"] + written * price["output_usd_per_million"]
        )
        leaves.append(reference["location"] == "cloud")
    dollars = np.stack(costs, axis=1)
    return expenses(dollars, np.zeros(dollars.shape), np.array(leaves, dtype=np.bool_))


def _evidence(
    quality: Float64s,
    reached: Float64s,
    expense: Float64s,
    point: PointPlan,
    groups: Mapping[str, Bools],
) -> dict[str, dict[str, Any]]:
    """By pair, and for the pool of all profiles: by group of tables what the point did there."""
    dearest = PROFILES.index(DEAREST)
    pools = {f"{name}>{DEAREST}": [PROFILES.index(name), dearest] for name in CHEAPER}
    pools["all"] = list(range(len(PROFILES)))
    return {
        pool: {
            group: _measured(
                quality[rows][:, among], reached[rows][:, among], expense[rows][:, among], point
            )
            for group, rows in groups.items()
            if _comparable(reached[rows][:, among]).any()
        }
        for pool, among in pools.items()
    }


def _comparable(reached: Float64s) -> Bools:
    """Queries (queries,) of which the outcomes of two experts or more are known."""
    several: Bools = (~np.isnan(reached)).sum(axis=1) > 1
    return several


def _measured(
    quality: Float64s, reached: Float64s, expense: Float64s, point: PointPlan
) -> dict[str, float]:
    """What the point chooses among the experts (queries, experts) whose outcomes are known: how
    often the dearest of them, with which mean quality, and at which mean expense."""
    rows = _comparable(reached)
    quality, reached, expense = quality[rows], reached[rows], expense[rows]
    there = np.where(np.isnan(reached), np.nan, quality)
    places = chosen(there, expense, point.price, least_quality=point.least_quality)
    taken = np.arange(len(places)), places
    dearest = np.where(np.isnan(reached), -1.0, expense).max(axis=1)
    return {
        "queries": len(places),
        "dearest_asked": float((expense[taken] == dearest).mean()),
        "mean_quality": float(reached[taken].mean()),
        "mean_expense": float(expense[taken].mean()),
    }


def fit_temperature(log_odds: Float64s, scores: Float64s) -> float:
    """The temperature that minimises cross-entropy, by golden section over 0.25..4."""

    def loss(log_temperature: float) -> float:
        z = log_odds / np.exp(log_temperature)
        return float(np.mean(np.logaddexp(0, z) - scores * z))

    low, high = np.log(0.25), np.log(4.0)
    ratio = (np.sqrt(5) - 1) / 2
    while high - low > 1e-4:
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if loss(left) < loss(right):
            high = right
        else:
            low = left
    return float(np.exp((low + high) / 2))
