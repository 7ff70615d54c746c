"""One small evaluation with everything a report can show, and names that try to break out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

EXPERTS = ("tiny | small", "mid_dle", "$large & $co", "<script>alert(1)</script>")


@pytest.fixture(scope="session")
def evaluation(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A pair with costs in two languages, a pool of three and its scaling."""
    from edge_router.export.data.outcome_set import outcome_set
    from edge_router.export.evaluation import Tables, evaluate, measure

    random = np.random.default_rng(0)
    chances = dict(zip(EXPERTS, (0.3, 0.5, 0.6, 0.8), strict=True))
    rows = [
        {
            "qkey": str(number),
            "split": ("train", "test")[number % 2],
            "task": ("sums", "history")[number % 3 % 2],
            "lang": ("en", "de")[number % 5 % 2],
            "query": f"{number} " + "word " * (number % 9),
            "score": {name: float(random.random() < chance) for name, chance in chances.items()},
        }
        for number in range(120)
    ]
    outcomes = outcome_set({"t<able>": rows}, 1024)
    shape = outcomes.scores.shape
    measured = replace(
        measure(outcomes),
        cost_usd=np.broadcast_to(np.linspace(0.001, 0.01, 4), shape),
        latency_s=random.uniform(0.5, 2.0, shape),
        output_tokens=random.uniform(10, 90, shape),
        similarity=random.uniform(0.1, 0.9, shape),
    )
    tables = Tables(outcomes, measured=measured)
    tasks = [tables.pair("t<able>", EXPERTS[0], EXPERTS[3]), *tables.pools("t<able>", sizes=(3,))]
    work = tmp_path_factory.mktemp("work")
    return evaluate([], tasks, work=work, repeats=50, scaling=[tables.scaling("t<able>")])
