"""A made-up decision log: two experts, a router that knows something, nothing, or the opposite."""

from __future__ import annotations

from typing import Any

import numpy as np

from edge_router.learning.report.answers import Columns, LoggedAnswers
from edge_router.routing.arrays import Float64s
from edge_router.routing.logistic import sigmoid

USD = {"local": 0.0, "cloud": 0.01}


def answers(rows: list[dict[str, Any]]) -> LoggedAnswers:
    """The rows in columns."""
    columns = Columns()
    for row in rows:
        columns.add(row)
    return columns.finished()


def row(number: int = 0, **changes: Any) -> dict[str, Any]:
    """One row of a log: the local expert answered."""
    plain = {
        "id": f"id-{number}",
        "time": 1.7e9 + number,
        "expert": "local",
        "answered_by": changes.get("expert", "local"),
        "rival": None,
        "shadow": None,
        "reason": "cheapest_is_enough",
        "operating_point": "balanced",
        "ended": "complete",
        "propensity": 1.0,
        "first_token_s": 0.1,
        "total_s": 0.5,
        "cost_usd": USD.get(changes.get("answered_by", changes.get("expert", "local")), 0.0),
        "score": None,
        "input_tokens": 20,
        "cached_tokens": None,
        "output_tokens": 30,
        "estimates": {"local": [0.5, 0.0, 1.0, 30.0], "cloud": [0.8, 0.01, 1.0, 30.0]},
    }
    return plain | changes


def simulated(
    seed: int,
    queries: int,
    *,
    knows: float,
    scored: float = 0.0,
    exploration: float = 0.0,
    by_coin: bool = False,
) -> list[dict[str, Any]]:
    """Queries of which half are hard for the local expert (.2 against .9), half are easy (.85
    against .9).

    The router's estimates are the truth with the probability `knows`, else those of another query.
    It asks the cloud where that gains .2 (`by_coin`: on half of the queries, whatever they are),
    the other expert at the rate `exploration`. A share `scored` of the answers is scored.
    """
    random = np.random.default_rng(seed)
    ease = np.where(random.random(queries) < 0.5, 0.2, 0.85)
    seen = np.where(random.random(queries) < knows, ease, random.permutation(ease))
    cloud = seen < 0.7
    if by_coin:
        cloud = random.random(queries) < 0.5
    explored = random.random(queries) < exploration
    asked = cloud ^ explored
    truth = np.where(asked, 0.9, ease)
    good = (random.random(queries) < truth).astype(float)
    has_score = random.random(queries) < scored
    return [
        row(
            number,
            expert="cloud" if asked[number] else "local",
            rival=("local" if asked[number] else "cloud") if exploration else None,
            propensity=1.0
            if not exploration
            else float(exploration if explored[number] else 1 - exploration),
            score=float(good[number]) if has_score[number] else None,
            cost_usd=float(_usd(random, asked[number])),
            estimates={
                "local": [float(_jittered(random, seen[number])), 0.0, 1.0, 30.0],
                "cloud": [float(_jittered(random, 0.9)), 0.01, 2.0, 40.0],
            },
        )
        for number in range(queries)
    ]


def _usd(random: np.random.Generator, asked: bool) -> float:
    return 0.01 * random.lognormal(0, 0.2) if asked else 0.0


def _jittered(random: np.random.Generator, quality: float) -> Float64s:
    return sigmoid(float(np.log(quality / (1 - quality)) + random.normal(0, 0.1)))
