"""How an agent is described to the encoder."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge_router.agents.catalog.catalog import AgentCatalog
from made_agents import WEATHER, WordEmbedder, agent

BARE = agent("transfer_money")


def test_a_name_alone_is_phrased_as_requests() -> None:
    """Each phrasing counts the same, and the mean is of length 1."""
    phrasings = ("transfer money", "what is my transfer money", "can you transfer money")
    assert BARE.phrasings == phrasings
    (spoken,) = AgentCatalog(WordEmbedder(), [BARE]).view().spoken
    mean = WordEmbedder().embed(phrasings).mean(0)
    assert spoken == pytest.approx(mean / np.linalg.norm(mean), abs=1e-6)


@pytest.mark.parametrize(
    "known",
    [WEATHER, agent("pay", "Sends money."), agent("pay", "", "send ten euros"), agent("天気")],
)
def test_what_says_more_than_a_name_stays_as_it_is(known: object) -> None:
    """A description, examples, or a name that English phrases do not fit."""
    assert known.phrasings == (known.spoken,)  # type: ignore[attr-defined]


def test_a_name_that_gets_a_description_is_described_by_it() -> None:
    """Nothing of the phrasings remains, and a prefix is no part of them."""
    catalog = AgentCatalog(WordEmbedder(), [BARE])
    described = replace(BARE, description="Sends money to an account.")
    catalog.add(described, replace_known=True)
    assert np.array_equal(catalog.view().spoken, WordEmbedder().embed([described.spoken]))
    assert agent("bank_pay", prefix="bank_").phrasings[1] == "what is my pay"
