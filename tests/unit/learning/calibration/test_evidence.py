"""Evidence from the outcomes that an artifact carries."""

from __future__ import annotations

import numpy as np
import pytest

from edge_router.errors import OutcomesUnusable
from edge_router.learning.calibration.evidence import from_known_queries
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.router import Router
from made_evidence import made_evidence


def test_the_shipped_outcomes_are_those_of_the_profiles_models(artifact: RouterArtifact) -> None:
    """Only queries that both were asked, with prices and speeds of the profiles."""
    router = Router.bundled()
    weak, strong = router.profiles["135m"], router.profiles["frontier"]
    found = from_known_queries(router, weak, strong)
    known = artifact.known_queries()
    assert known is not None
    scores = known.mean_score(artifact.experts["profiles"]["135m"]["models"])
    assert len(found) == sum(found.tables.values()) == sum(found.kinds.values()) > 0
    assert np.isin(found.weak.scores, scores[~np.isnan(scores)]).all()
    assert found.strong.scores.mean() > found.weak.scores.mean()
    assert found.strong.cost_usd is not None
    assert (found.strong.cost_usd > 0).all()
    assert not found.costs_measured


def test_one_table_can_be_asked_for(artifact: RouterArtifact) -> None:
    """Another one is refused, with those that there are."""
    router = Router.bundled()
    pair = router.profiles["135m"], router.profiles["frontier"]
    table = next(iter(from_known_queries(router, *pair).tables))
    assert set(from_known_queries(router, *pair, tables=[table]).tables) == {table}
    with pytest.raises(OutcomesUnusable, match=f"no table 'nothing'; there are .*{table}"):
        from_known_queries(router, *pair, tables=["nothing"])


def test_twice_the_queries_have_the_same_means() -> None:
    """Everything is there two times, and routed alike."""
    made = made_evidence(7)
    twice = made.twice()
    assert len(twice) == 14
    assert twice.tables == {"made": 14}
    assert twice.gains.tolist() == [*made.gains, *made.gains]
    ask = twice.routed(twice.weak.latency_s, twice.strong.latency_s, 0.3)
    assert ask.mean() == pytest.approx(
        made.routed(made.weak.latency_s, made.strong.latency_s, 0.3).mean()
    )
