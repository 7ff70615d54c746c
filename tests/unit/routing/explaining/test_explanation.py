"""Explanations: true, complete, and in the shape of the published schema."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from edge_router import Config, Constraints, Placement, Reason, Router, RoutingError
from edge_router.routing.deciding.decision import Snapshot
from edge_router.routing.deciding.reason import PREFERRED, RULED_OUT
from edge_router.routing.explaining.counterfactual import changes
from edge_router.routing.explaining.explanation import Explanation
from edge_router.settings.expert_config import ExpertConfig

LOCAL = ExpertConfig("llama_cpp", "smollm2-135m", "135m", context_tokens=2048)
CLOUD = ExpertConfig(
    "openai",
    "big",
    "frontier",
    base_url="https://cloud.invalid/v1",
    input_usd_per_million=2.5,
    output_usd_per_million=10.0,
)
EXPERTS = {"local": LOCAL, "cloud": CLOUD}
QUERY = "What is the capital of France?"
JSON_TYPES: dict[str, Any] = {
    "object": dict, "array": list, "string": str, "number": (int, float), "boolean": bool,
    "null": type(None),
}  # fmt: skip


def faults(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> list[str]:
    """What of `value` is not as `schema` says; the first fault of each part."""
    for keyword, wanted in schema.items():
        if found := list(_faults(keyword, wanted, value, schema | {"root": root})):
            return found
    return []


def _faults(keyword: str, wanted: Any, value: Any, schema: dict[str, Any]) -> Iterator[str]:
    """Only the keywords that our schema uses, all others are an error."""
    root = schema["root"]
    match keyword:
        case "$schema" | "$id" | "$defs" | "title" | "description":
            return
        case "$ref":
            yield from faults(value, root["$defs"][wanted.removeprefix("#/$defs/")], root)
        case "anyOf":
            if all(faults(value, one, root) for one in wanted):
                yield f"{value!r} is none of {wanted}"
        case "properties":
            for name in wanted.keys() & value.keys():
                yield from faults(value[name], wanted[name], root)
        case "additionalProperties":
            for name in value.keys() - schema.get("properties", {}).keys():
                yield from faults(value[name], wanted, root) if wanted else [f"{name} is unknown"]
        case "items":
            for item in value:
                yield from faults(item, wanted, root)
        case _:
            if not _holds(keyword, wanted, value):
                yield f"{value!r} is not of {keyword} {wanted}"


def _holds(keyword: str, wanted: Any, value: Any) -> bool:
    match keyword:
        case "type":
            names = [wanted] if isinstance(wanted, str) else wanted
            if isinstance(value, bool):
                return "boolean" in names
            return any(isinstance(value, JSON_TYPES[name]) for name in names)
        case "required":
            return bool(set(wanted) <= value.keys())
        case "enum" | "const":
            return value in (wanted if keyword == "enum" else [wanted])
        case "minimum" | "maximum":
            return value is None or (value >= wanted if keyword == "minimum" else value <= wanted)
        case "minItems":
            return len(value) >= wanted
    raise NotImplementedError(keyword)


@pytest.fixture(scope="module")
def router() -> Router:
    """SmolLM2 here and a frontier model in the cloud; neither is called."""
    return Router.from_config(Config(experts=EXPERTS))


@pytest.mark.parametrize(
    "constraints",
    [
        Constraints(),
        Constraints(offline=True, max_cost_usd=1e-6),
        Constraints(placement=Placement.ONLY_IN_CLOUD),
    ],
)
def test_the_json_is_as_the_schema_says(router: Router, constraints: Constraints) -> None:
    """Every field, required and no other; in another language too."""
    schema = Explanation.schema()
    for query in (QUERY, "什么是HDFS日志？"):
        found = router.explain(router.route(query, constraints)).to_json()
        assert faults(found, schema, schema) == []


def test_the_json_has_preferences_and_doubts(router: Router) -> None:
    """By the same schema."""
    schema = Explanation.schema()
    chooser = Router.from_config(Config(experts=EXPERTS, preference="performance"))
    wish = Constraints(placement=Placement.PREFER_IN_CLOUD)
    now = Snapshot(doubts={"cloud": Reason.UNREACHABLE})
    found = chooser.explain(chooser.route(QUERY, wish, now))
    assert (found.preference, found.promise, found.reason) == (
        "performance", "", Reason.UNREACHABLE,
    )  # fmt: skip
    assert [step.setting for step in found.changes[0].steps] == ["doubt"]
    assert faults(found.to_json(), schema, schema) == []


def test_the_schema_refuses_what_is_not_an_explanation(router: Router) -> None:
    """So that the test before means something."""
    schema = Explanation.schema()
    found = router.explain(router.route(QUERY)).to_json()
    for wrong in (
        {"reason": "because"}, {"kinds": [{"name": "x"}]}, {"more": 1}, {"gain": "much"},
        {"changes": [{"expert": "x", "steps": [], "words": ""}]},
    ):  # fmt: skip
        assert faults(found | wrong, schema, schema), wrong
    del found["margin"]
    assert faults(found, schema, schema)


def test_the_schema_knows_every_reason() -> None:
    """A new code is a change of the published schema."""
    assert Explanation.schema()["$defs"]["reason"]["enum"] == [reason.value for reason in Reason]


def test_the_schema_says_what_each_reason_means() -> None:
    """As the decision itself words it, where it does."""
    told = Explanation.schema()["$defs"]["reason"]["description"]
    assert all(f"{reason}: " in told for reason in Reason)
    assert all(f"{reason}: {words}" in told for reason, words in {**RULED_OUT, **PREFERRED}.items())


def test_it_says_what_the_decision_says(router: Router) -> None:
    """And what excluded each expert."""
    decision = router.route(QUERY, Constraints(offline=True))
    found = router.explain(decision)
    assert (found.expert, found.reason, found.words) == (
        decision.expert, decision.reason, decision.words,
    )  # fmt: skip
    assert {e.name: e.excluded for e in found.experts} == {"local": None, "cloud": Reason.OFFLINE}
    assert found.margin == pytest.approx(decision.gain - decision.min_gain)
    assert found.promise == router.point.promise
    assert (found.price, found.least_quality) == (0.2, 0.25)


def test_it_tells_how_dear_each_is_and_where_the_price_turns(router: Router) -> None:
    """Beside the dearest one, a price that is not known counting as that; and how long an answer
    to expect, in two digits."""
    decision = router.route(QUERY)
    found = router.explain(decision)
    assert {e.name: e.expense for e in found.experts} == {"local": 0.0, "cloud": 1.0}
    (dear, cheap) = found.turns
    quality = {name: one.quality for name, one in decision.estimates.items()}
    assert (dear.expert, cheap.expert, dear.above, cheap.up_to) == ("cloud", "local", None, None)
    assert dear.up_to == cheap.above == pytest.approx(quality["cloud"] - quality["local"])
    tokens = decision.estimates[decision.expert].output_tokens
    assert found.length_words == f"expected answer about {float(f'{tokens:.1e}'):.0f} tokens"


def test_kinds_and_neighbours_are_ranked(router: Router) -> None:
    """Probabilities fall, distances grow; scores are known outcomes in 0..1."""
    found = router.explain(router.route("Solve x^2 - 5x + 6 = 0 for x."))
    probabilities = [kind.probability for kind in found.kinds]
    distances = [known.distance for known in found.neighbours]
    assert probabilities == sorted(probabilities, reverse=True)
    assert sum(probabilities) <= 1.001
    assert distances == sorted(distances)
    assert len(distances) == 3
    assert all(0 <= score <= 1 for known in found.neighbours for score in known.scores.values())


def test_a_known_query_of_ours_finds_itself(router: Router) -> None:
    """With its text, at (almost) no distance."""
    known = router.artifact.known_queries()
    assert known is not None
    text = str(next(text for text in known.texts if text))
    first = router.explain(router.route(text)).neighbours[0]
    assert first.distance < 1e-3
    assert first.text


def test_a_changed_gain_holds_in_a_router_made_with_it(router: Router) -> None:
    """Replayed from the settings, as a user would."""
    change = router.explain(router.route(QUERY)).changes[0]
    (step,) = change.steps
    assert isinstance(step.becomes, float)
    other = Router.from_config(Config(experts=EXPERTS, min_gain=step.becomes))
    assert other.route(QUERY).expert == change.expert != router.route(QUERY).expert


def test_it_says_in_what_way_a_query_is_outside(router: Router) -> None:
    """Script and length by their own codes; an ordinary question has none."""
    assert router.explain(router.route(QUERY)).unfamiliar == ()
    assert "script" in router.explain(router.route("什么是HDFS日志？请详细说明")).unfamiliar
    assert "length" in router.explain(router.route("Why is the sky blue? " * 1000)).unfamiliar


def test_a_decision_made_by_hand_has_nothing_to_explain(router: Router) -> None:
    """It says so."""
    with pytest.raises(RoutingError, match=r"Router\.route"):
        router.explain(replace(router.route(QUERY), grounds=None))


def test_without_known_queries_the_rest_is_explained(router: Router) -> None:
    """An artifact may do without."""
    whole = router.artifact
    files = {k: v for k, v in whole.manifest.files.items() if k != "known_queries.npz"}
    bare = replace(whole, manifest=replace(whole.manifest, files=files))
    found = Explanation.of(router.route(QUERY), bare, changes)
    assert (found.neighbours, found.unfamiliar) == ((), ())
    assert found.kinds
