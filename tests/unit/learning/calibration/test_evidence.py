"""Evidence from the outcomes that an artifact carries."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge_router.errors import OutcomesUnusable
from edge_router.learning.calibration.evidence import Evidence, ExpertOutcomes, from_known_queries
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.routing.artifact.representation import Representation
from edge_router.routing.deciding.price import LEAVING
from edge_router.routing.router import Router
from made_estimates import estimated
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


def test_queries_for_the_cheapest_expert_are_no_evidence_of_a_price() -> None:
    """The rest is what a price decides on; where it decides on all of them, all count."""
    bundled = Router.bundled()
    pair = bundled.profiles["135m"], bundled.profiles["frontier"]
    usual = Router(bundled.artifact, bundled.experts, point=bundled.point, needs_tools="as_usual")
    found, everything = (from_known_queries(router, *pair) for router in (bundled, usual))
    assert 0 < found.for_cheapest == len(everything) - len(found)
    assert everything.for_cheapest == 0
    assert len(found.weak.scores) == len(found) == sum(found.tables.values())
    assert set(found.turns) <= set(everything.turns)


def test_where_no_price_decides_there_is_no_evidence() -> None:
    """Says what to set."""
    router = Router.bundled()
    pair = router.profiles["135m"], router.profiles["frontier"]
    router.for_cheapest = lambda _: True  # type: ignore[method-assign]
    with pytest.raises(OutcomesUnusable, match='set needs_tools = "as_usual"'):
        from_known_queries(router, *pair)


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
    assert twice.turns.tolist() == [*made.turns, *made.turns]
    ask = twice.routed(twice.weak.latency_s, twice.strong.latency_s, 0.3)
    assert ask.mean() == pytest.approx(
        made.routed(made.weak.latency_s, made.strong.latency_s, 0.3).mean()
    )


def test_a_query_turns_at_the_price_of_its_gain_in_proportion() -> None:
    """Between two experts in the cloud the further expense is less than 1."""
    profiles = Router.bundled().profiles
    query = Representation(np.zeros(len(profiles["8b"].head.weights), dtype=np.float32), 5.0)
    known, asked = (np.zeros(1), np.ones(1)), {"input_tokens": 100, "max_tokens": 512}
    strong = profiles["frontier"]
    for name, further in (("3b", 1.0), ("8b", 1 - LEAVING)):
        weak = profiles[name]
        made = Evidence.estimated(
            weak, strong, [(query, 400)], known, tables=["made"], kinds=["made"]
        )
        quality = [estimated(expert, query, **asked).quality for expert in (weak, strong)]
        assert made.turns.tolist() == pytest.approx([(quality[1] - quality[0]) / further])
        assert not made.strong_is_cheaper.any()


def test_where_the_strong_expert_is_the_cheaper_a_high_price_asks_it() -> None:
    """The values of both are then the other way round."""
    made = made_evidence(50)
    swapped = replace(made, strong_is_cheaper=np.ones(len(made), dtype=np.bool_))
    scores = made.weak.scores, made.strong.scores
    assert (swapped.routed(*scores, 1.1) == made.strong.scores).all()
    assert (swapped.routed(*scores, -1.1) == made.weak.scores).all()
    cheaper, dearer = swapped.by_expense(*scores)
    assert (cheaper == made.strong.scores).all()
    assert (dearer == made.weak.scores).all()
    assert swapped.routed(*scores, 0.3).tolist() == made.routed(*scores[::-1], 0.3).tolist()


@pytest.mark.parametrize("worth", [-1.0, float("nan"), float("inf")])
@pytest.mark.parametrize("measure", ["scores", "cost_usd", "latency_s"])
def test_evidence_of_impossible_numbers_is_refused(measure: str, worth: float) -> None:
    """In every way of making it: no guarantee rests on them."""
    right = {"scores": np.ones(3), "cost_usd": np.ones(3), "latency_s": np.ones(3)}
    with pytest.raises(OutcomesUnusable, match="it must be"):
        ExpertOutcomes(**(right | {measure: np.array([1.0, worth, 1.0])}))
