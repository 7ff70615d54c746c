"""The setting `shadow`: a second operating point whose choice is kept, and changes nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_router import Config, ConfigError, Constraints, EdgeRouter
from edge_router.learning.outcomes.log import FILE, OutcomeLog
from edge_router.routing.deciding.operating_point import Correction, OperatingPoint
from edge_router.routing.deciding.other_point import OtherPoint
from edge_router.routing.deciding.ranked_rule import RankedRule
from edge_router.routing.router import Router
from edge_router.settings.expert_config import ExpertConfig
from edge_router.testing import FakeBackend

URL = "http://127.0.0.1:9/v1"
EXPERTS = {
    "local": ExpertConfig("openai", "small", "135m", base_url=URL),
    "cloud": ExpertConfig(
        "openai", "big", "frontier", location="cloud", base_url=URL,
        input_usd_per_million=3.0, output_usd_per_million=15.0,
    ),
}  # fmt: skip
POINTS = ("economy", "balanced", "quality")
ROUTER = Router.from_config(Config(experts=EXPERTS))


def point(name: str, price: float, corrections: dict[str, Correction]) -> OperatingPoint:
    """A made-up one."""
    return OperatingPoint(name, "", price, corrections=corrections)


def asked(folder: Path, query: str, **changes: object) -> tuple[str, object]:
    """The answer to a query and the decision behind it."""
    config = Config(experts=EXPERTS, data_dir=str(folder), learn=True)
    backends = {"local": FakeBackend("from here"), "cloud": FakeBackend("from there")}
    with EdgeRouter(replace(config, **changes), backends=backends) as router:  # type: ignore[arg-type]
        answer = router.complete(query)
        return answer.text, answer.record.decision


@given(query=st.text("aé 中?\n0", min_size=1, max_size=40).filter(str.strip), data=st.data())
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_it_never_changes_the_answer(tmp_path: Path, query: str, data: st.DataObject) -> None:
    """Whatever is asked, and whichever two points there are."""
    main, second = data.draw(st.sampled_from(POINTS)), data.draw(st.sampled_from(POINTS))
    plain = asked(tmp_path / "a", query, operating_point=main)
    assert asked(tmp_path / "b", query, operating_point=main, shadow=second) == plain


@given(query=st.text(min_size=1, max_size=60).filter(str.strip), data=st.data())
def test_it_chooses_as_a_router_of_that_point_would(query: str, data: st.DataObject) -> None:
    """With corrections on either side, and limits."""
    price = st.floats(-1, 1)
    bias = st.floats(-2, 2).map(lambda b: {"local": Correction(1.5, b)})
    before = point("a", data.draw(price), data.draw(st.just({}) | bias))
    after = point("b", data.draw(price), data.draw(st.just({}) | bias))
    limits = Constraints(offline=data.draw(st.booleans()))

    def router(of: OperatingPoint) -> Router:
        experts = [of.corrected(one) for one in ROUTER.experts]
        return Router(ROUTER.artifact, experts, point=of, encoder=ROUTER._encoder)

    first, second = (router(one).route(query, limits) for one in (before, after))
    near = abs(second.gain - second.min_gain) < 1e-4
    assert near or OtherPoint(after, before).expert_for(first) == second.expert


def test_its_choice_is_kept(tmp_path: Path) -> None:
    """Beside what was asked."""
    query = "Prove that there are infinitely many primes, in French."
    asked(tmp_path, query, min_gain=1.0, shadow="quality")
    asked(tmp_path, query, min_gain=1.0)
    one, other = OutcomeLog(tmp_path / FILE).rows()
    assert (one.expert, one.shadow) == ("local", "cloud")
    assert (other.shadow, other.reason) == (None, "cheapest_is_enough")


def test_a_rule_of_the_caller_has_no_shadow() -> None:
    """Nothing was decided by a point."""
    other = OtherPoint(ROUTER.point, ROUTER.point)
    assert other.expert_for(ROUTER.route("Hello", rule=RankedRule(("cloud",)))) is None


def test_an_unknown_point_is_refused_at_once(tmp_path: Path) -> None:
    """Not when the first answer has come."""
    with pytest.raises(ConfigError, match="'nothing' is unknown"):
        asked(tmp_path, "Hello", shadow="nothing")


def test_without_learning_it_does_nothing_and_says_so() -> None:
    """There would be nowhere to keep it."""
    with pytest.raises(ConfigError, match="add learn = true"):
        Config(shadow="economy")
