"""The truth table of the three places in `edge_router.settings.location`, each cell a test."""

from __future__ import annotations

import re
from typing import Any

import pytest

from edge_router import Config, Constraints, ExpertConfig, Placement, Reason, Router
from edge_router.errors import NoExpertFits
from edge_router.routing.experts.expert import Pricing
from edge_router.settings import location
from edge_router.settings.location import Location

NEAR, FAR = "http://127.0.0.1:9/v1", "http://192.168.1.7:9/v1"
PLACES: dict[str, dict[str, Any]] = {
    "device": {"base_url": NEAR},
    "device elsewhere": {"base_url": FAR, "location": "device"},
    "lan": {"base_url": FAR, "location": "lan"},
    "cloud": {"base_url": "https://example.org/v1"},
}
RULES = {
    'placement = "only_on_device"': Constraints(Placement.ONLY_ON_DEVICE),
    'placement = "only_on_lan"': Constraints(Placement.ONLY_ON_LAN),
    'placement = "prefer_on_device"': Constraints(Placement.PREFER_ON_DEVICE),
    'placement = "prefer_in_cloud"': Constraints(Placement.PREFER_IN_CLOUD),
    'placement = "only_in_cloud"': Constraints(Placement.ONLY_IN_CLOUD),
    "offline = true": Constraints(offline=True),
}
ROW = re.compile(r"^\| ([^|]+?) *\|" + r" *([^|]+?) *\|" * len(PLACES) + "$", re.MULTILINE)
TABLE = {row[0]: dict(zip(PLACES, row[1:], strict=True)) for row in ROW.findall(location.__doc__)}


def expert(place: str, **settings: Any) -> ExpertConfig:
    """An expert there, of the size of a frontier model."""
    return ExpertConfig("openai", "m", "frontier", **(PLACES[place] | settings))


def routed(*places: str) -> Router:
    """A router of experts called by their places; the price is of no weight."""
    return Router.from_config(Config(experts={p: expert(p) for p in places}, min_gain=-1.0))


def test_the_table_has_every_place_and_setting() -> None:
    """Its rows are what the tests below read."""
    assert TABLE["setting"] == {place: place for place in PLACES}
    assert RULES.keys() < TABLE.keys()


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("rule", RULES)
def test_whether_a_placement_lets_an_expert_answer(rule: str, place: str) -> None:
    """Alone, so that no wish may turn to another one."""
    if TABLE[rule][place] == "no":
        with pytest.raises(NoExpertFits) as refused:
            routed(place).route("Hello there.", RULES[rule])
        why = "offline" if RULES[rule].offline else RULES[rule].placement.value
        assert refused.value.excluded[place] == Reason(why)
    else:
        decision = routed(place).route("Hello there.", RULES[rule])
        assert (decision.expert, decision.location) == (place, place.partition(" ")[0])


@pytest.mark.parametrize("place", [place for place in PLACES if place != "cloud"])
def test_the_cloud_goes_first_where_it_is_preferred(place: str) -> None:
    """A machine of one's own network is not the cloud."""
    wish = Constraints(Placement.PREFER_IN_CLOUD)
    row = TABLE['placement = "prefer_in_cloud"']
    assert (row[place], row["cloud"]) == ("second", "first")
    assert routed(place, "cloud").route("Hello there.", wish).order == ("cloud", place)


@pytest.mark.parametrize("place", PLACES)
def test_what_leaves_the_device_counts_at_least_a_tenth(place: str) -> None:
    """Free ones too: it takes a connection, and another machine reads the text."""
    free = {"input_usd_per_million": 0.0, "output_usd_per_million": 0.0}
    dear = {"input_usd_per_million": 9.0, "output_usd_per_million": 9.0}
    config = Config(experts={"it": expert(place, **free), "dear": expert("cloud", **dear)})
    router = Router.from_config(config)
    expense = {e.name: e.expense for e in router.explain(router.route("Hello there.")).experts}
    assert expense["it"] == float(TABLE["least expense under a price"][place])


@pytest.mark.parametrize("place", PLACES)
def test_a_price_that_is_not_stated_is_nothing_on_own_machines(place: str) -> None:
    """In the cloud nobody knows it."""
    (configured,) = routed(place).experts
    stated = TABLE["dollars where none are stated"][place]
    assert configured.pricing == (None if stated == "unknown" else Pricing(0.0, 0.0))


@pytest.mark.parametrize(
    ("url", "place"),
    [
        (NEAR, "device"), ("http://localhost:9/v1", "device"), ("http://[::1]:9/v1", "device"),
        (FAR, "cloud"), ("http://10.0.0.1/v1", "cloud"), ("http://[fd00::1]/v1", "cloud"),
        ("http://box.local/v1", "cloud"), ("http://box.lan/v1", "cloud"),
        ("http://localhost.evil.example/v1", "cloud"), ("http://127.0.0.1.nip.io/v1", "cloud"),
    ],
)  # fmt: skip
def test_no_address_is_taken_for_a_machine_of_ones_own_unsaid(url: str, place: str) -> None:
    """A private address may be a gateway, and a name resolves to what its server says."""
    assert ExpertConfig("openai", "m", "8b", base_url=url).place == place
    for stated in Location:
        assert (
            ExpertConfig("openai", "m", "8b", base_url=url, location=stated.value).place == stated
        )


def test_the_stricter_placement_holds() -> None:
    """Only one's own machines is stricter than only the cloud, only this device than that."""
    only_lan, only_here = Constraints(Placement.ONLY_ON_LAN), Constraints(Placement.ONLY_ON_DEVICE)
    cloud = Constraints(Placement.ONLY_IN_CLOUD)
    assert cloud.tightened(only_lan).placement == Placement.ONLY_ON_LAN
    assert only_here.tightened(only_lan).placement == Placement.ONLY_ON_DEVICE


def test_of_free_experts_the_device_goes_before_the_lan() -> None:
    """As the cheapest, whatever their names."""
    names = {"a": expert("lan"), "b": expert("device"), "c": expert("cloud")}
    router = Router.from_config(Config(experts=names, min_gain=1.0))
    assert router.route("What is the weather in Rome right now?").order == ("b", "a", "c")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("placement", ["only_on_device", "only_on_lan", "prefer_on_device"])
def test_the_settings_forbid_whom_a_decision_rules_out(place: str, placement: str) -> None:
    """For what asks an expert without a decision."""
    config = Config(experts={place: expert(place)}, placement=placement)  # type: ignore[arg-type]
    refused = TABLE[f'placement = "{placement}"'][place] == "no"
    assert config.forbids(config.experts[place]) is refused
