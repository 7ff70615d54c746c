"""A made-up log: two experts whose estimates are wrong in a known way, one of them explored."""

from __future__ import annotations

import numpy as np

from edge_router.device.latency import Speed
from edge_router.learning.outcomes.outcome import Outcome
from edge_router.learning.outcomes.propensity import LoggedOutcomes
from edge_router.routing.experts.expert import Estimate, Expert, ExpertHead, Location
from edge_router.routing.logistic import sigmoid

ROUTER = "f" * 64


def expert(name: str, weight: float, location: Location = Location.CLOUD) -> Expert:
    """Whose log-odds are `weight` times the one number of a query."""
    head = ExpertHead(0.0, np.array([weight], dtype=np.float32))
    return Expert(name, name, location, head, Speed(0.0, 1.0, 1.0), None)


EXPERTS = (expert("weak", -1.0, Location.DEVICE), expert("strong", 1.0))
COSTS = {"weak": 0.0, "strong": 0.01}


def simulated(random: np.random.Generator, queries: int, *, rate: float = 0.2) -> LoggedOutcomes:
    """The strong expert's true log-odds are z / 2 + 0.5, the weak one's -z - 0.5, and estimates
    come from z and -z; the expert with the better estimate is asked, the other one at `rate`."""
    z = random.normal(0, 1.5, queries)
    estimates = np.stack([sigmoid(-z), sigmoid(z)], axis=1)
    truth = np.stack([sigmoid(-z - 0.5), sigmoid(z / 2 + 0.5)], axis=1)
    explored = random.random(queries) < rate
    chosen = (z > 0) ^ explored
    good = random.random(queries) < truth[np.arange(queries), chosen.astype(int)]
    return LoggedOutcomes(
        ("weak", "strong"),
        estimates,
        chosen.astype(np.intp),
        (~chosen).astype(np.intp),
        np.where(explored, rate, 1 - rate),
        good.astype(np.float64),
        np.tile([0.0, 1.0], (queries, 1)),
    )


def row(number: int = 0, *, z: float = 0.0, **changes: object) -> Outcome:
    """One row of the log: the weak expert was asked with probability 0.8, and was right."""
    message: dict[str, object] = {
        "id": f"id-{number}",
        "time": 1e9 + number,
        "artifact": ROUTER,
        "vector": np.array([z], dtype=np.float32),
        "log_tokens": 4.0,
        "characters": 20,
        "script": "latin",
        "estimates": {name: Estimate(name, 0.5, cost, 1.0, 10.0) for name, cost in COSTS.items()},
        "expert": "weak",
        "rival": "strong",
        "answered_by": changes.get("expert", "weak"),
        "propensity": 0.8,
        "gain": 0.0,
        "min_gain": 0.0,
        "cost_usd": None,
        "first_token_s": 0.1,
        "total_s": 0.5,
        "input_tokens": 5,
        "output_tokens": 9,
        "prompt": None,
        "score": 1.0,
    }
    return Outcome(**(message | changes))  # type: ignore[arg-type]


def rows_of(log: LoggedOutcomes) -> list[Outcome]:
    """The same answers as rows of a log."""
    z = np.log(log.estimates[:, 1] / log.estimates[:, 0])
    return [
        row(
            number,
            z=z[number],
            expert=log.experts[log.chosen[number]],
            rival=log.experts[log.rival[number]],
            propensity=float(log.propensity[number]),
            score=float(log.scores[number]),
        )
        for number in range(len(log))
    ]
