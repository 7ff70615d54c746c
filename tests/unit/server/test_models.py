"""The names that a client may give as its model."""

from __future__ import annotations

import pytest

from edge_router.routing.deciding.ranked_rule import RankedRule
from edge_router.server.models import Models
from edge_router.server.wire.errors import Refused

RULE = RankedRule(("local",))
MODELS = Models(["local", "cost"], {"cost": RULE, "balanced": RULE}, embedding="router-small")


def test_every_name_has_its_meaning() -> None:
    """How to choose, or whom to ask; an expert with a rule's name is asked by its longer one."""
    assert MODELS.target(None) == MODELS.target("auto")
    assert MODELS.target("auto").rule is MODELS.target("auto").expert is None
    assert MODELS.target("cost").rule is RULE
    assert MODELS.target("local").expert == MODELS.target("expert/local").expert == "local"
    assert MODELS.target("expert/cost").expert == "cost"


@pytest.mark.parametrize("name", ["gpt-4o", "", "LOCAL", "expert/", "expert/x", 7, ["local"], True])
def test_other_names_do_not_exist(name: object) -> None:
    """404, with the names that do."""
    with pytest.raises(Refused, match="does not exist; use one of auto, cost, balanced") as caught:
        MODELS.target(name)
    assert (caught.value.status, caught.value.code) == (404, "model_not_found")


def test_they_are_listed_once_each_and_found_by_name() -> None:
    """The model of embeddings is not among those that chat."""
    listed = [model["id"] for model in MODELS.listed()["data"]]
    assert listed == ["auto", "cost", "balanced", "local", "expert/cost"]
    assert all(MODELS.one(name)["id"] == name for name in listed)
    assert MODELS.one("router-small")["edge_router"] == {"kind": "embedding"}
    with pytest.raises(Refused):
        MODELS.target("router-small")


def test_embeddings_have_one_model() -> None:
    """Under its own name, or without one."""
    for name in (None, "auto", "router-small"):
        MODELS.require_embedding(name)
    with pytest.raises(Refused, match="use one of router-small"):
        MODELS.require_embedding("local")
